//! Tasks and prompts from the configuration: the [`TaskBook`](punchcard_actors::ports::TaskBook) that tickets read.
