// What the console says: prompts.

export default {
};
