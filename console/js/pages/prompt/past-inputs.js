// Real inputs of the task's past tickets, to try a text with.

import { h, visible } from '../../dom.js';
import { word } from '../../i18n.js';

/** How many of the newest tickets are offered. */
const OFFERED = 30;

/** The newest tickets of a task. */
export async function pastTickets(api, task, signal) {
  const { tickets } = await api.get(`/v1/tickets?task=${encodeURIComponent(task)}&limit=${OFFERED}`, { signal });
  return tickets;
}

/** A past ticket to choose: when, whose, and how it stands. */
export function pastOption({ id, requested_at: at, user, state }) {
  const words = [new Date(at).toLocaleString(), user, word('tickets.state_', state)].filter(Boolean).join(' · ');
  return h('option', { value: id }, visible(words));
}

/** What a ticket's prompt was given: its input, or what the tenant's API made of it. */
export async function inputOf(api, ticket, signal) {
  const { events } = await api.get(`/v1/tickets/${encodeURIComponent(ticket)}/events`, { signal });
  let input = null;
  for (const event of events) {
    const given = event.data?.input;
    if (event.type === 'TicketRequested') input = given ?? null;
    if (event.type === 'TicketPreProcessed' && given !== undefined && given !== null) input = given;
  }
  return input;
}

/** An input that fits a schema's outline, for a task that has had no ticket yet. */
export function sampleOf(schema, depth = 0) {
  if (typeof schema !== 'object' || schema === null || depth > 5) return {};
  if (schema.default !== undefined) return schema.default;
  if (Array.isArray(schema.examples) && schema.examples.length) return schema.examples[0];
  if (Array.isArray(schema.enum) && schema.enum.length) return schema.enum[0];
  switch (Array.isArray(schema.type) ? schema.type[0] : schema.type) {
    case 'string':
      return 'text '.repeat(Math.ceil(Math.min(schema.minLength ?? 4, 2000) / 5)).trim();
    case 'integer':
    case 'number':
      return schema.minimum ?? 1;
    case 'boolean':
      return true;
    case 'array':
      return [sampleOf(schema.items, depth + 1)];
    default: {
      const wanted = schema.required ?? Object.keys(schema.properties ?? {});
      return Object.fromEntries(wanted.map((name) => [name, sampleOf(schema.properties?.[name] ?? { type: 'string' }, depth + 1)]));
    }
  }
}
