//! A resolver that never answers with an address that may not be dialled.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use super::address::{ForbiddenAddress, Reach};

/// Where names are looked up.
pub trait Lookup: Send + Sync + 'static {
    /// The addresses of a name, in the order they should be tried.
    fn lookup(&self, name: String) -> BoxFuture<'static, io::Result<Vec<SocketAddr>>>;
}

/// The operating system's resolver.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemLookup;

impl Lookup for SystemLookup {
    fn lookup(&self, name: String) -> BoxFuture<'static, io::Result<Vec<SocketAddr>>> {
        // Port 0 is replaced by the URL's own.
        Box::pin(async move { Ok(tokio::net::lookup_host((name, 0)).await?.collect()) })
    }
}

/// Drops the forbidden addresses of every answer. The connection is made to what is left of this
/// very answer, so there is no second lookup that could say something else.
#[derive(Debug, Clone)]
pub struct GuardedResolver<L = SystemLookup> {
    lookup: Arc<L>,
    allow_private: bool,
}

impl<L: Lookup> GuardedResolver<L> {
    /// A guard around `lookup`; `allow_private` as in [`Reach::admit`].
    pub fn new(lookup: L, allow_private: bool) -> Self {
        Self {
            lookup: Arc::new(lookup),
            allow_private,
        }
    }

    /// The addresses of `name` that may be dialled.
    ///
    /// # Errors
    /// When the lookup fails or finds nothing, and [`ForbiddenAddress`] (as the error's own type)
    /// when it finds only addresses that may not be dialled.
    pub async fn addresses(
        &self,
        name: &str,
    ) -> Result<Vec<SocketAddr>, Box<dyn std::error::Error + Send + Sync>> {
        let found = self.lookup.lookup(name.to_owned()).await?;
        let mut admitted = Vec::with_capacity(found.len());
        let mut refused = None;
        for address in found {
            match Reach::admit(address.ip(), self.allow_private) {
                Ok(()) => admitted.push(address),
                Err(forbidden) => refused = Some(forbidden),
            }
        }
        match refused {
            _ if !admitted.is_empty() => Ok(admitted),
            // The address itself is not told: a tenant must not learn our network by asking.
            Some(forbidden) => Err(Box::new(ForbiddenAddress {
                host: name.to_owned(),
                why: forbidden.why,
            })),
            None => Err(Box::new(io::Error::new(
                io::ErrorKind::NotFound,
                "the name has no address",
            ))),
        }
    }
}

impl<L: Lookup> Resolve for GuardedResolver<L> {
    fn resolve(&self, name: Name) -> Resolving {
        let guard = Self {
            lookup: Arc::clone(&self.lookup),
            allow_private: self.allow_private,
        };
        Box::pin(async move {
            let addresses = guard.addresses(name.as_str()).await?;
            Ok(Box::new(addresses.into_iter()) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::sync::Mutex;

    use super::*;

    /// Gives each answer once, in turn, as a rebinding name server does.
    struct Changing(Mutex<VecDeque<Vec<&'static str>>>);

    impl Changing {
        fn new<const N: usize>(answers: [Vec<&'static str>; N]) -> Self {
            Self(Mutex::new(answers.into()))
        }
    }

    impl Lookup for Changing {
        fn lookup(&self, _: String) -> BoxFuture<'static, io::Result<Vec<SocketAddr>>> {
            let answer = self.0.lock().unwrap().pop_front().unwrap();
            let parse = |text: &str| SocketAddr::new(text.parse().unwrap(), 0);
            Box::pin(std::future::ready(Ok(answer
                .into_iter()
                .map(parse)
                .collect())))
        }
    }

    fn texts(addresses: &[SocketAddr]) -> Vec<String> {
        addresses.iter().map(|a| a.ip().to_string()).collect()
    }

    #[tokio::test]
    async fn an_answer_that_turns_private_is_refused_from_then_on() {
        let resolver = GuardedResolver::new(
            Changing::new([vec!["1.1.1.1"], vec!["127.0.0.1"], vec!["1.0.0.1"]]),
            false,
        );
        let first = resolver.addresses("rebind.example").await.unwrap();
        assert_eq!(texts(&first), ["1.1.1.1"]);

        let second = resolver.addresses("rebind.example").await.unwrap_err();
        let forbidden = second.downcast_ref::<ForbiddenAddress>().unwrap();
        assert_eq!(forbidden.host, "rebind.example");
        assert!(!second.to_string().contains("127.0.0.1"));

        let third = resolver.addresses("rebind.example").await.unwrap();
        assert_eq!(texts(&third), ["1.0.0.1"]);
    }

    #[tokio::test]
    async fn only_the_public_part_of_a_mixed_answer_is_dialled() {
        let mixed = vec![
            "10.0.0.1",
            "1.1.1.1",
            "::1",
            "2606:4700::1111",
            "::ffff:10.0.0.1",
        ];
        let resolver = GuardedResolver::new(Changing::new([mixed]), false);
        let addresses = resolver.addresses("mixed.example").await.unwrap();
        assert_eq!(texts(&addresses), ["1.1.1.1", "2606:4700::1111"]);
    }

    #[tokio::test]
    async fn a_name_without_addresses_is_an_error_of_its_own() {
        let resolver = GuardedResolver::new(Changing::new([vec![]]), false);
        let error = resolver.addresses("empty.example").await.unwrap_err();
        assert!(error.downcast_ref::<ForbiddenAddress>().is_none());
    }

    #[tokio::test]
    async fn development_lets_private_answers_in_but_not_metadata_services() {
        let answers = [vec!["127.0.0.1"], vec!["169.254.169.254"]];
        let resolver = GuardedResolver::new(Changing::new(answers), true);
        let addresses = resolver.addresses("dev.example").await.unwrap();
        assert_eq!(texts(&addresses), ["127.0.0.1"]);
        assert!(resolver.addresses("metadata.example").await.is_err());
    }
}
