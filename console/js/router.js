// From the hash of the address to a page: `#/tickets/0192…?tab=calls`.

/** Pieces of a hash: its path and its query. */
export function parse(hash) {
  const said = hash.replace(/^#/, '') || '/';
  const [path, query = ''] = said.split('?');
  return { path: path.startsWith('/') ? path : `/${path}`, query: new URLSearchParams(query) };
}

/** The values of a pattern such as `/tickets/:id`, or null. A slash in a value is encoded. */
export function match(pattern, path) {
  const [want, have] = [pattern, path].map((text) => text.split('/').filter(Boolean));
  if (want.length !== have.length) return null;
  const params = {};
  for (const [at, piece] of want.entries()) {
    if (!piece.startsWith(':')) {
      if (piece !== have[at]) return null;
      continue;
    }
    try {
      params[piece.slice(1)] = decodeURIComponent(have[at]);
    } catch {
      return null;
    }
  }
  return params;
}

/** The page of a path among `pages`, with its values; plain paths come before those with values. */
export function find(pages, path) {
  const found = pages.map((page) => ({ page, params: match(page.path, path) })).filter(({ params }) => params);
  found.sort((one, other) => Object.keys(one.params).length - Object.keys(other.params).length);
  return found[0] ?? null;
}

/** Goes to a path; the query may be an object. */
export function go(path, query, { replace = false } = {}) {
  const said = query ? new URLSearchParams(Object.entries(query).filter(([, value]) => value !== undefined && value !== null && value !== '')).toString() : '';
  const hash = `#${path}${said ? `?${said}` : ''}`;
  if (!replace) location.hash = hash;
  else {
    history.replaceState(null, '', hash);
    dispatchEvent(new HashChangeEvent('hashchange'));
  }
}

/** Changes the query without opening the page anew. */
export function remember(path, query) {
  const said = new URLSearchParams(Object.entries(query).filter(([, value]) => value !== undefined && value !== null && value !== '')).toString();
  history.replaceState(null, '', `#${path}${said ? `?${said}` : ''}`);
}
