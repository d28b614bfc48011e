// What the console says: tickets.

export default {
};
