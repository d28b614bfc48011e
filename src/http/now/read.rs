//! `GET /v1/now` and `GET /admin/v1/now`

use std::collections::HashMap;

use actix_web::HttpResponse;
use punchcard_actors::now::TenantNow;
use punchcard_events::TenantId;

use super::view::{Beside, MOST, NowOfAllView, NowView, StoreView, TenantView};
use crate::http::dispatch::{Call, OperatorCall};
use crate::http::errors::Problem;
use crate::http::prompts::params;
use crate::http::usage::BudgetView;

/// What goes on now, of the caller's tenant alone.
pub(super) async fn of_a_tenant(call: Call) -> Result<HttpResponse, Problem> {
    params::none_in(&call.request)?;
    let (api, tenant) = (&call.api, &call.caller.tenant);
    let picture = api.workplace.now.picture(Some(tenant)).await?;
    // Who is connected is told by whoever watches them; while it stops, nobody is.
    let sessions = api.sessions.by_tenant().await.unwrap_or_default();
    let own = sessions.into_iter().find(|(of, _)| of == tenant);
    let beside = Beside {
        sessions: own.map_or(0, |(_, count)| count),
        batches: api.batches.count_open(Some(tenant)),
    };
    let budgets = api.tickets.budgets(tenant, None);
    let budgets = budgets.into_iter().map(BudgetView::from).collect();
    Ok(HttpResponse::Ok().json(NowView::new(picture, &beside, budgets)))
}

/// What goes on now, of all tenants.
pub(super) async fn of_all(call: OperatorCall) -> Result<HttpResponse, Problem> {
    params::none_in(&call.request)?;
    let (api, now) = (&call.api, &call.api.workplace.now);
    let picture = now.picture(None).await?;
    let sessions = api.sessions.by_tenant().await.unwrap_or_default();
    let beside = Beside {
        sessions: sessions.iter().map(|(_, count)| count).sum(),
        batches: api.batches.count_open(None),
    };
    let tenants = tenants(now.tenants().await?, sessions);
    let (position, size_bytes) = now.store().await;
    let store = StoreView {
        position: position.0,
        size_bytes,
    };
    Ok(HttpResponse::Ok().json(NowOfAllView::new(picture, &beside, tenants, store)))
}

/// The tenants with something open or connected, the most open first.
fn tenants(open: Vec<TenantNow>, sessions: Vec<(TenantId, usize)>) -> Vec<TenantView> {
    let mut sessions: HashMap<TenantId, usize> = sessions.into_iter().collect();
    let mut tenants: Vec<TenantView> = open
        .into_iter()
        .map(|tenant| TenantView {
            sessions: sessions.remove(&tenant.tenant).unwrap_or(0),
            tenant: tenant.tenant,
            open: tenant.open,
            waiting: tenant.waiting,
        })
        .collect();
    let connected = sessions.into_iter().map(|(tenant, sessions)| TenantView {
        tenant,
        open: 0,
        waiting: 0,
        sessions,
    });
    tenants.extend(connected);
    tenants.truncate(MOST);
    tenants
}
