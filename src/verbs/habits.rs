//! Words that people type because other tools have them: each is answered with the verb that does it here. `help` and `version`
//! do what they say; see `cli`.

/// What to say to a word in the place of a verb; `None` when it is none of these.
pub fn answer(word: &str) -> Option<&'static str> {
    let known = HABITS.iter().find(|(words, _)| words.contains(&word));
    known.map(|(_, answer)| *answer)
}

/// Words, and what they are answered with.
const HABITS: &[(&[&str], &str)] = &[
    (
        &["run", "gen", "txt2img", "create", "make", "draw", "imagine"],
        "`darkroom generate \"a red apple\" -m MODEL` makes a picture",
    ),
    (&["ls", "list"], "`darkroom models` lists models, `darkroom queue` jobs"),
    (
        &["ps", "top", "jobs"],
        "`darkroom queue` lists jobs, `darkroom models ps` the models in memory, `darkroom status` both",
    ),
    (
        &["stop", "kill", "abort"],
        "`darkroom cancel JOB` ends a job, `darkroom models unload MODEL` frees memory, `darkroom daemon stop` ends the daemon",
    ),
    (
        &["rm", "remove", "delete"],
        "`darkroom cancel JOB` ends a job, `darkroom queue clear` empties the list; a model is removed by removing its files",
    ),
    (
        &["download", "install", "push", "fetch"],
        "`darkroom pull WHAT` fetches a model; one that you have is named with -m, or its folder under `models` in config.toml",
    ),
    (
        &["start", "serve", "up", "restart"],
        "`darkroom daemon start`, or `restart`; `darkroom generate` starts the daemon by itself",
    ),
    (
        &["config", "settings"],
        "settings are in config.toml: docs/config.md, and `darkroom doctor` says where it is",
    ),
    (
        &["log"],
        "`darkroom logs` prints the daemon's log, `darkroom queue log JOB` a job's",
    ),
    (
        &["retry", "pause", "resume", "move", "priority", "clear"],
        "that is a verb of the queue: `darkroom queue` and then it",
    ),
    (
        &["load", "unload", "pin", "unpin"],
        "that is a verb of the models: `darkroom models` and then it",
    ),
    (
        &["info", "inspect", "view"],
        "`darkroom show FILE` shows a picture and how it was made, `darkroom status` the daemon",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verbs::VERBS;

    #[test]
    fn no_verb_is_a_habit_and_every_answer_names_one() {
        for (words, answer) in HABITS {
            assert!(VERBS.iter().all(|verb| !words.contains(&verb.name)), "{words:?}");
            let named = |verb: &str| answer.contains(&format!("`darkroom {verb}"));
            assert!(
                VERBS.iter().any(|verb| named(verb.name)) || answer.contains("-m"),
                "{answer}"
            );
        }
    }
}
