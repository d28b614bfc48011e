//! What is said of the admin API, and of a tenant's own keys, in the OpenAPI document.

mod keys;
mod settings;
mod tenants;

use crate::http::errors::Code;
use crate::http::openapi::{Area, Operation};

/// What operators do.
pub(in crate::http) fn area() -> Area {
    let mut all = tenants::operations();
    all.extend(settings::operations());
    all.extend(keys::of_operators());
    Area::new(
        "Tenants",
        "What operators do, on the admin listener, with a key of `[admin]` in the configuration: \
         tenants are made, limited and suspended, and get their keys. No tenant's key opens any of \
         it.",
        all,
    )
}

/// What a tenant sees and does of itself.
pub(in crate::http) fn own_area() -> Area {
    Area::new(
        "Own tenant",
        "What a tenant sees of itself, and the keys that its own admins keep.",
        keys::of_tenants(),
    )
}

impl Operation {
    /// What any change of a tenant may come to.
    fn changes_the_tenant(self) -> Self {
        self.of_a_tenant().refuses(&[
            Code::TenantBusy,
            Code::OutcomeUnknown,
            Code::BadText,
            Code::TooLong,
            Code::TooMany,
            Code::InvalidParameter,
        ])
    }

    /// What any look at a tenant may come to.
    fn of_a_tenant(self) -> Self {
        self.refuses(&[
            Code::NoSuchTenant,
            Code::TenantDamaged,
            Code::InvalidParameter,
        ])
    }
}
