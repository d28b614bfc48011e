//! What is said of the routes.

use super::view::{NowOfAllView, NowView};
use super::whoami::{OperatorView, WhoAmIView};
use crate::http::errors::Code;
use crate::http::openapi::{Area, get};

pub(in crate::http) fn area() -> Area {
    let of_a_key = get("/v1/whoami", "readWhoAmI", "Read whose key this is")
        .about(
            "The tenant and the roles of the key that is shown, for programs that were given one.",
        )
        .gives::<WhoAmIView>(200, "The key's tenant, name and roles.")
        .refuses(&[Code::InvalidParameter]);
    let of_an_operator = get(
        "/admin/v1/whoami",
        "readOperator",
        "Read whose operator's key this is",
    )
    .gives::<OperatorView>(200, "The key's prefix and name.")
    .refuses(&[Code::InvalidParameter]);
    let now = get("/v1/now", "readNow", "Read what goes on now")
        .about(
            "The tenant's tickets, models, API, sessions and budgets, in steps of five seconds over the \
             last five minutes. Of a model that tenants share, only the breaker and the limit are not \
             the tenant's own. Tickets that are open are counted once a second at most.",
        )
        .gives::<NowView>(200, "The newest step is last.")
        .refuses(&[Code::InvalidParameter]);
    let of_all = get(
        "/admin/v1/now",
        "readNowOfAll",
        "Read what goes on now, of all tenants",
    )
    .gives::<NowOfAllView>(200, "The newest step is last.")
    .refuses(&[Code::InvalidParameter]);
    Area::new(
        "Now",
        "Who asks, and what goes on now.",
        [of_a_key, of_an_operator, now, of_all],
    )
}
