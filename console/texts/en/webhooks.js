// What the console says: webhooks.

export default {
};
