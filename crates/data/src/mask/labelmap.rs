//! The lines of CVAT's `labelmap.txt`: the name of a class, its colour, its parts and actions.

/// A colour and the name of its class, which may be empty.
pub type Entry = ([u8; 3], String);

/// What a line is.
pub const LABELMAP: &str = "the name of a class, its red, green, blue from 0 to 255, its parts and actions, \
    such as car:0,0,255::";

/// What a line says of colours and classes.
pub fn labelmap_entry(line: &str) -> Option<Entry> {
    // A name may have colons of its own: the colour is the first field behind it that is one.
    let mut fields = line.match_indices(':').map(|(at, _)| (&line[..at], &line[at + 1..]));
    fields.find_map(|(name, rest)| {
        let colour = rest.split(':').next().and_then(colour)?;
        Some((colour, name.split_whitespace().collect::<Vec<_>>().join(" ")))
    })
}

fn colour(field: &str) -> Option<[u8; 3]> {
    let values: Result<Vec<u8>, _> = field.split(',').map(|value| value.trim().parse()).collect();
    values.ok()?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_colour_stands_behind_the_name_whatever_the_name() {
        let said = |line| labelmap_entry(line).map(|(colour, name)| (colour, name.to_owned()));
        for (line, name) in [
            ("car:1,2,3::", "car"),
            ("car:1,2,3", "car"),
            ("big  car : 1, 2, 3 : wheel,door : drive", "big car"),
            ("car: blue:1,2,3:4,5,6:", "car: blue"),
            (":1,2,3::", ""),
        ] {
            assert_eq!(said(line), Some(([1, 2, 3], name.to_owned())), "{line}");
        }
        for line in ["car", "car:::", "car:1,2:", "car:1,2,256::", "1,2,3", "car:1,2,3,4::"] {
            assert_eq!(said(line), None, "{line}");
        }
    }
}
