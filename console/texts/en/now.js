// What the console says: now.

export default {
  title: 'Now',
  about: 'What goes on with your company’s tickets, over the last five minutes.',
  about_all: 'What goes on, over all companies and the last five minutes.',
  as_of: 'As of {at}',
  open: 'Open', sessions: 'Connected users', batches: 'Open batches', position: 'Events stored', size: 'Size of the store',
  flow: 'Tickets, every five seconds', issued: 'Issued', ended: 'Ended', failed: 'Failed',
  models: 'Models', model: 'Model', no_models: 'No model was called in the last five minutes.',
  callbacks: 'Your API', callbacks_all: 'APIs of companies', no_callbacks: 'No API of a company was called in the last five minutes.',
  tenants: 'Companies', tenant: 'Company', no_tenants: 'Nothing is open, and nobody is connected.',
  breaker: 'Calls', breaker_closed: 'Let through', breaker_half_open: 'Tried carefully', breaker_open: 'Held back',
  in_flight: 'Running', waiting: 'Waiting', calls: 'Last five minutes', error_rate: 'Errors',
  first_token_ms: 'First word, half · 95 %', total_ms: 'Whole answer, half · 95 %', tokens_per_second: 'Tokens a second',
};
