// What the console says: now.

export default {
};
