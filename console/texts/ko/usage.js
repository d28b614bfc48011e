// What the console says: usage.

export default {
};
