// What somebody wrote and has not saved yet: it survives a reload and a change of page, in this tab.

const PREFIX = 'punchcard.unsaved.';

/**
 * What is kept of a kind (`draft`, `tests`, `try`) for who has signed in, of one task where there are several.
 * Another key that signs in within the tab finds nothing of it. Whatever cannot be stored (a full or forbidden
 * storage) stays in the page alone.
 */
export function unsaved(kind, session, task = '') {
  const key = PREFIX + [kind, session.tenant ?? '', session.prefix, task].join('.');
  return {
    read() {
      try {
        const text = sessionStorage.getItem(key);
        return text ? JSON.parse(text) : null;
      } catch {
        return null;
      }
    },
    keep(value) {
      try {
        sessionStorage.setItem(key, JSON.stringify({ at: new Date().toISOString(), value }));
        return true;
      } catch {
        return false;
      }
    },
    drop() {
      try {
        sessionStorage.removeItem(key);
      } catch {
        // Nothing was stored then.
      }
    },
  };
}
