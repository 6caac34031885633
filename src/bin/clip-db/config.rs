//! `clip-db config`

use crate::connect::Settings;
use crate::end::End;
use crate::output::Output;

pub fn run(settings: &Settings, output: &mut Output) -> End {
    output.line(format_args!("source = {}", settings.source));
    for (name, value) in settings.entries() {
        output.line(format_args!("{name} = {value}"));
    }
    End::Fine
}
