// What the console says: try_it.

export default {
};
