//! The process is killed at a point, by itself, and started again without it.

use std::os::unix::process::ExitStatusExt as _;

use tokio::task::JoinSet;

use crate::account::Account;
use crate::clients::Clients;
use crate::figures::{figure, setting};
use crate::lives::{self, Life, USER, fired, judge};
use crate::table::Row;
use crate::world::World;

/// The signal that cannot be caught.
const SIGKILL: i32 = 9;

/// Kills at every point of the row, at its first pass and, if asked for, at later ones.
pub(crate) async fn around(row: &Row) {
    let passes = setting("PUNCHCARD_FAILPOINT_PASSES").unwrap_or(1).max(1);
    let (mut kills, mut tickets) = (0, 0);
    for earlier in 0..passes {
        let points: Vec<String> = row.names().map(|(point, _)| point).collect();
        let (died, account) = at(&points, earlier).await;
        // Every point is passed at least once.
        assert!(
            earlier > 0 || died == points.len(),
            "{points:?} killed {died} times"
        );
        if died == 0 {
            // It is never passed so often.
            break;
        }
        kills += died;
        tickets += account.tickets;
    }
    let (lost, doubled) = (0, 0);
    figure(
        "failpoints_kill",
        &[
            ("step", &row.step),
            ("kills", &kills),
            ("accepted", &tickets),
            ("lost", &lost),
            ("doubled", &doubled),
        ],
    );
}

/// Kills at one point after the other, each passed `earlier` times before, and lets the tickets go on
/// in a process that is not killed. A step that a kill has kept from happening is done by the next
/// process, so that comes to the same step's next point. Gives how often there was a death, which for
/// `earlier` above 0 may be less often than there are points.
async fn at(points: &[String], earlier: u64) -> (usize, Account) {
    let mut world = lives::world().await;
    let mut died = 0;
    let armed = |point: &str| format!("{point}={earlier}*off->return(kill)");
    world.start_armed(&armed(&points[0])).await;
    let (base, clients) = Clients::new(&world.api);
    let user = tokio::spawn(clients.clone().watch(USER));
    let mut lives = JoinSet::new();
    for life in Life::ALL {
        let clients = clients.clone();
        lives.spawn(async move { (life, life.live(clients).await) });
    }
    let mut ended = Vec::new();
    for (place, point) in points.iter().enumerate() {
        if !dies(&mut world, &mut lives, &mut ended).await {
            break;
        }
        died += 1;
        assert_eq!(fired(&world, point, "kill"), 1, "it died by the failpoint");
        drop(world.take_server());
        base.send_replace(None);
        match points.get(place + 1) {
            Some(next) => world.start_armed(&armed(next)).await,
            None => world.start_again().await,
        }
        base.send_replace(Some(world.api.base().to_owned()));
    }
    while let Some(life) = lives.join_next().await {
        ended.push(life.unwrap());
    }
    for (life, (ticket, end)) in ended {
        assert_eq!(
            end,
            life.end(),
            "{life:?} {ticket} after kills at {points:?}"
        );
    }
    assert!(
        !user.is_finished(),
        "a frame broke the protocol: {:?}",
        user.await
    );
    user.abort();
    let account = judge(&world, &clients).await;
    assert_eq!(account.tickets, Life::ALL.len());
    if died == points.len() {
        world.stop().await;
    } else {
        // The point is armed still, and a stop may pass it.
        drop(world.take_server());
    }
    (died, account)
}

type Lived = (Life, (String, String));

/// Waits for the process's death; false when all lives have come to their ends before it.
async fn dies(world: &mut World, lives: &mut JoinSet<Lived>, ended: &mut Vec<Lived>) -> bool {
    loop {
        tokio::select! {
            biased;
            status = world.server().ended() => {
                assert_eq!(status.signal(), Some(SIGKILL), "{status}");
                return true;
            }
            life = lives.join_next() => match life {
                Some(life) => ended.push(life.unwrap()),
                None => return false,
            },
        }
    }
}
