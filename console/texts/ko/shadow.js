// What the console says: shadow.

export default {
};
