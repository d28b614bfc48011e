//! Shadow runs: what a command comes to, which tickets are chosen, what the cases say in sum, and what
//! is stored for ever.

#[cfg(test)]
mod choosing;
#[cfg(test)]
mod golden;
#[cfg(test)]
mod lives;
#[cfg(test)]
mod report;
#[cfg(test)]
mod samples;
#[cfg(test)]
mod spending;
