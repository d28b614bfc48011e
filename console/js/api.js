// Calls to the API: with the key, as JSON, with problems as they are told (RFC 9457).

import { t } from './i18n.js';

/** Why something was not done. `status` is 0 where the server was not reached. */
export class Problem extends Error {
  constructor({ status = 0, code = 'unreachable', title = '', detail = '', ...fields }) {
    super(detail || title || code);
    Object.assign(this, { status, code, title, detail, fields, field: fields.field, remedy: fields.remedy });
  }
}

/** Whether a call was given up by the page itself. */
export const isAborted = (error) => error?.name === 'AbortError';

/**
 * The API with one key. `onEnd(problem)` is told when the key opens nothing any more; `onReach(bool)` whether
 * the server was reached.
 */
export function createApi({ key, onEnd = () => {}, onReach = () => {} }) {
  async function ask(method, path, { body, headers = {}, signal } = {}) {
    const sent = { ...headers, authorization: `Bearer ${key}` };
    let payload = body;
    if (body !== undefined && typeof body !== 'string' && !(body instanceof Blob)) {
      payload = JSON.stringify(body);
      sent['content-type'] ??= 'application/json';
    }
    let response;
    try {
      response = await fetch(path, {
        method, headers: sent, body: payload, signal,
        credentials: 'omit', cache: 'no-store', redirect: 'error', referrerPolicy: 'no-referrer',
      });
    } catch (error) {
      if (isAborted(error)) throw error;
      onReach(false);
      throw new Problem({ detail: t('shell.unreachable') });
    }
    onReach(true);
    if (response.ok) return response;
    throw await refused(response);
  }

  async function refused(response) {
    let said = {};
    try {
      said = await response.json();
    } catch {
      // Whatever stands between has no problem to tell.
    }
    const problem = new Problem({ ...said, status: response.status, code: said.code ?? `http_${response.status}`, detail: said.detail ?? t('shell.strange_answer', { status: String(response.status) }) });
    if (response.status === 401 || problem.code === 'tenant_suspended') onEnd(problem);
    return problem;
  }

  /** The whole answer: `{ status, headers, data }`. */
  async function send(method, path, options) {
    const response = await ask(method, path, options);
    const type = response.headers.get('content-type') ?? '';
    const data = response.status === 204 ? null : type.includes('json') ? await response.json() : await response.text();
    return { status: response.status, headers: response.headers, data };
  }

  const data = (method) => async (path, options) => (await send(method, path, options)).data;

  /** Saves what is at `path` as a file. */
  async function download(path, name) {
    const response = await ask('GET', path);
    save(await response.blob(), name ?? path.split('/').pop().split('?')[0]);
  }

  return {
    key, send, download,
    get: data('GET'), post: data('POST'), put: data('PUT'), delete: data('DELETE'),
    stream: (path, options) => stream(ask, path, options),
  };
}

/** Hands a file to whoever sits there. */
export function save(blob, name) {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

/** The longest wait before a stream is opened again, in ms. */
const MAX_PAUSE = 15_000;

/**
 * Server-sent events over fetch, because an EventSource cannot show a key. It goes on where it broke off, by
 * `Last-Event-ID`, until it was told the end. `onState` hears `open`, `lost` and `ended`.
 */
async function stream(ask, path, { onEvent, onState = () => {}, signal }) {
  let last = null;
  let pause = 500;
  while (!signal?.aborted) {
    try {
      const headers = { accept: 'text/event-stream', ...(last && { 'last-event-id': last }) };
      const response = await ask('GET', path, { headers, signal });
      if (response.status === 204) break;
      onState('open');
      await read(response.body, (event) => {
        if (event.id) last = event.id;
        pause = 500;
        onEvent(event);
      });
      if (last?.endsWith('-end')) break;
    } catch (error) {
      if (isAborted(error) || signal?.aborted) return;
      // What is refused for good is not asked again.
      if (error instanceof Problem && error.status >= 400 && error.status < 500 && error.status !== 429) throw error;
    }
    onState('lost');
    await new Promise((done) => setTimeout(done, pause));
    pause = Math.min(pause * 2, MAX_PAUSE);
  }
  onState('ended');
}

async function read(body, onEvent) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = '';
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    const pieces = (rest + value).split('\n\n');
    rest = pieces.pop();
    for (const piece of pieces) {
      const event = parse(piece);
      if (event) onEvent(event);
    }
  }
}

/** One event of a stream (WHATWG HTML, section 9.2.6); null for a comment. */
export function parse(piece) {
  const event = { event: 'message', data: '', id: null };
  const lines = [];
  for (const line of piece.split('\n')) {
    const colon = line.indexOf(':');
    if (colon === 0) continue;
    const name = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '');
    if (name === 'data') lines.push(value);
    if (name === 'event') event.event = value;
    if (name === 'id') event.id = value;
  }
  if (!lines.length) return null;
  try {
    event.data = JSON.parse(lines.join('\n'));
  } catch {
    return null;
  }
  return event;
}

/** A query from what is set: lists by commas, nothing for empty values. */
export function query(values) {
  const pairs = Object.entries(values).filter(([, value]) => value !== undefined && value !== null && value !== '' && !(Array.isArray(value) && !value.length));
  const said = pairs.map(([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(Array.isArray(value) ? value.join(',') : value)}`);
  return said.length ? `?${said.join('&')}` : '';
}
