// What the console says: tenants.

export default {
};
