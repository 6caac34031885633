//! `clip-db config`

use crate::connect::Settings;
use crate::exit::Exit;
use crate::output::Output;

pub fn run(settings: &Settings, output: &mut Output) -> Exit {
    output.line(format_args!("source = {}", settings.source));
    for (name, value) in settings.entries() {
        output.line(format_args!("{name} = {value}"));
    }
    Exit::Fine
}
