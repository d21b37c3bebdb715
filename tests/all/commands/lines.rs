//! The commands that a page gives.

/// A command, and whether its page shows faults that it finds.
pub struct Line {
    pub words: Vec<String>,
    pub faulty: bool,
}

/// The commands of a page in their order: the lines of `sh` boxes, what follows `$ ` in `text` boxes, and spans of
/// code that are a command with options.
pub fn commands(page: &str) -> Vec<Line> {
    let read = |line: &str, faulty: bool| {
        let words = shlex::split(line).expect("a line that a shell reads");
        Line { words, faulty }
    };
    let mut found = Vec::new();
    for (number, part) in page.split("```").enumerate() {
        // Between fences there is text, and within them a box that begins with its kind.
        match part.split_once('\n') {
            Some(("sh", lines)) => {
                found.extend(lines.replace("\\\n", " ").lines().map(|line| read(line, false)));
            }
            Some(("text", box_)) => {
                let shown = format!("\n{box_}");
                let shown = shown.split("\n$ ").skip(1);
                found.extend(shown.map(|shown| {
                    let (line, told) = shown.split_once('\n').unwrap();
                    read(line, told.contains(" faults\n") && !told.contains("no faults"))
                }));
            }
            _ if number % 2 == 0 => {
                let programs = ["mirrorgrad ", "cargo ", "mdbook "];
                let spans = part.split('`').skip(1).step_by(2);
                let spans = spans.filter(|span| {
                    let whole = span.contains(" --") || span.contains(" build");
                    whole && programs.iter().any(|program| span.starts_with(program))
                });
                found.extend(spans.map(|span| read(&span.replace('\n', " "), false)));
            }
            _ => {}
        }
    }
    found.retain(|line| !line.words.is_empty());
    found
}

/// The words after the program's name, if the line calls it.
pub fn ours(words: &[String]) -> Option<&[String]> {
    let starts = [&["mirrorgrad"][..], &["cargo", "run", "--release", "--"]];
    let start = starts.into_iter().find(|start| words.iter().take(start.len()).eq(start.iter()))?;
    Some(&words[start.len()..])
}

/// The value behind an option.
pub fn option<'a>(words: &'a [String], name: &str) -> Option<&'a str> {
    let at = words.iter().position(|word| word == name)?;
    Some(words.get(at + 1).expect("the option has a value"))
}
