// The pages of planners and of those who look after a company, in the order of the column.

import { page as keys } from './pages/keys.js';
import { page as prompt } from './pages/prompt.js';
import { page as prompts } from './pages/prompts.js';
import { page as shadowRun } from './pages/shadow_run.js';
import { page as shadowRuns } from './pages/shadow_runs.js';
import { page as tenant } from './pages/tenant.js';
import { page as tenants } from './pages/tenants.js';
import { page as tryIt } from './pages/try_it.js';
import { page as usage } from './pages/usage.js';
import { page as webhook } from './pages/webhook.js';
import { page as webhooks } from './pages/webhooks.js';

export const pages = [prompts, prompt, tryIt, shadowRuns, shadowRun, tenants, tenant, keys, webhooks, webhook, usage];
