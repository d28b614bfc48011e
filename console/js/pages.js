// Every page, in the order of the column.
//
// A page: { path, nav?, under?, group?, icon?, key?, roles?, operator?, open(main, context) }. `nav` is the text
// of its link; a page without one belongs `under` another's link. `roles`: one of them is needed. `operator`:
// true for operators alone, 'both' for them too. `key`: the letter behind `g`.

import { page as now } from './pages/now.js';
import { page as ticket } from './pages/ticket.js';
import { page as tickets } from './pages/tickets.js';
import { pages as planner } from './planner_pages.js';

export const pages = [now, tickets, ticket, ...planner];
