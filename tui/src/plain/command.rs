//! What a typed line means: a prompt, or a command that begins with `/`. Pure; `session.rs` does what it says.

use darkroom_protocol::text::{closest, escape_line};

/// What was typed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Nothing.
    Nothing,
    /// Make a picture of it.
    Make(String),
    /// List the commands.
    Help,
    /// Give a parameter a value; an empty one leaves it to its default.
    Set(String, String),
    /// List the parameters.
    Params,
    /// Make pictures with that model; list the models where none is named.
    Model(String),
    /// List the jobs.
    Queue,
    /// Do something with the job of that number.
    Job(OnJob, usize),
    /// Start nothing new, or go on.
    Pause(bool),
    /// Say where the last picture is.
    Last,
    /// Leave.
    Quit,
}

/// What is done with a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnJob {
    /// End it.
    Cancel,
    /// Make it once more.
    Retry,
    /// Hold it back.
    Hold,
    /// Let it go.
    Release,
}

/// Commands as `/help` lists them: how each is typed, and what it does.
pub const COMMANDS: [(&str, &str); 14] = [
    ("/help", "Say what can be typed."),
    (
        "/set PARAM VALUE",
        "Give a parameter a value; without a value it gets its default again.",
    ),
    ("/params", "Say what every parameter is."),
    (
        "/model NAME",
        "Make pictures with that model; without a name, say which there are.",
    ),
    (
        "/queue",
        "Say what runs, what waits and what has ended, each job with its number.",
    ),
    ("/cancel N", "End job N, or take it out of the line."),
    (
        "/retry N",
        "Put job N, which failed or was cancelled, into the queue again.",
    ),
    ("/hold N", "Hold job N back, which waits."),
    ("/release N", "Let job N go, which is held."),
    ("/pause", "Start no new job."),
    ("/go", "Start jobs again."),
    ("/last", "Say where the last picture is."),
    ("/quit", "Leave. Jobs go on."),
    ("//TEXT", "Make a picture of /TEXT; every other line is a prompt."),
];

/// What `line` means.
///
/// # Errors
/// What is wrong with it and what to type, as one sentence.
pub fn read(line: &str) -> Result<Command, String> {
    let line = line.trim();
    let Some(rest) = line.strip_prefix('/') else {
        return Ok(match line {
            "" => Command::Nothing,
            prompt => Command::Make(prompt.to_owned()),
        });
    };
    if rest.starts_with('/') {
        return Ok(Command::Make(rest.to_owned()));
    }
    let (name, argument) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
    let argument = argument.trim();
    let alone = |command: Command| match argument {
        "" => Ok(command),
        more => Err(format!("/{name} is typed alone, without {}.", escape_line(more))),
    };
    match name {
        "help" => alone(Command::Help),
        "params" => alone(Command::Params),
        "queue" => alone(Command::Queue),
        "pause" => alone(Command::Pause(true)),
        "go" => alone(Command::Pause(false)),
        "last" => alone(Command::Last),
        "quit" => alone(Command::Quit),
        "model" => Ok(Command::Model(argument.to_owned())),
        "set" => set(argument),
        "cancel" => job(name, OnJob::Cancel, argument),
        "retry" => job(name, OnJob::Retry, argument),
        "hold" => job(name, OnJob::Hold, argument),
        "release" => job(name, OnJob::Release, argument),
        _ => Err(unknown(name)),
    }
}

fn set(argument: &str) -> Result<Command, String> {
    let (name, value) = argument.split_once(char::is_whitespace).unwrap_or((argument, ""));
    match name {
        "" => Err("/set takes a parameter and a value, as in /set steps 20; /params says which there are.".to_owned()),
        name => Ok(Command::Set(name.to_owned(), value.trim().to_owned())),
    }
}

fn job(name: &str, what: OnJob, argument: &str) -> Result<Command, String> {
    match argument.parse::<usize>() {
        Ok(number @ 1..) => Ok(Command::Job(what, number)),
        _ => Err(format!(
            "/{name} takes the number of a job, as in /{name} 1; /queue says the numbers."
        )),
    }
}

fn unknown(name: &str) -> String {
    let names = COMMANDS.iter().filter_map(|(typed, _)| typed[1..].split(' ').next());
    match closest(name, names) {
        Some(near) => format!("There is no command /{}; did you mean /{near}?", escape_line(name)),
        None => format!("There is no command /{}; /help says what there is.", escape_line(name)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("  ", Command::Nothing)]
    #[case(" a red fox \r\n", Command::Make("a red fox".to_owned()))]
    #[case("//etc, oil on canvas", Command::Make("/etc, oil on canvas".to_owned()))]
    #[case("/set steps  20", Command::Set("steps".to_owned(), "20".to_owned()))]
    #[case("/set negative blurry, low", Command::Set("negative".to_owned(), "blurry, low".to_owned()))]
    #[case("/set steps", Command::Set("steps".to_owned(), String::new()))]
    #[case("/model my model", Command::Model("my model".to_owned()))]
    #[case("/cancel 2", Command::Job(OnJob::Cancel, 2))]
    #[case("/release\t12", Command::Job(OnJob::Release, 12))]
    #[case("/go", Command::Pause(false))]
    fn lines(#[case] line: &str, #[case] command: Command) {
        assert_eq!(read(line), Ok(command));
    }

    #[rstest]
    #[case("/cancel", "/cancel takes the number of a job")]
    #[case("/cancel 0", "takes the number")]
    #[case("/hold 1x", "takes the number")]
    #[case("/quit now", "/quit is typed alone, without now.")]
    #[case("/set", "as in /set steps 20")]
    #[case("/quti", "did you mean /quit?")]
    #[case("/\u{1b}zzzz", "There is no command /\\u{1b}zzzz; /help")]
    #[case("/", "There is no command /")]
    fn what_is_no_command_is_said(#[case] line: &str, #[case] words: &str) {
        let why = read(line).unwrap_err();
        assert!(why.contains(words), "{why}");
    }

    #[test]
    fn every_command_of_the_help_is_one() {
        for (typed, about) in COMMANDS {
            let line = typed
                .replace('N', "1")
                .replace("1AME", "x")
                .replace("PARAM VALUE", "steps 1");
            read(&line).unwrap_or_else(|why| panic!("{typed}: {why}"));
            assert!(about.ends_with('.'), "{about}");
        }
    }
}
