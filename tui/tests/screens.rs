//! Every screen as it is drawn, at three sizes of a terminal.

mod common;

use common::{OPTIONS, Stage};
use insta::assert_snapshot;
use ratatui::style::{Color, Modifier};

const SIZES: [(u16, u16); 3] = [(80, 24), (120, 40), (200, 60)];

/// Draws what these steps lead to at each size.
fn at_each_size(name: &str, steps: impl Fn(&mut Stage)) {
    for (columns, lines) in SIZES {
        let mut stage = Stage::new(columns, lines, OPTIONS);
        stage.draw();
        steps(&mut stage);
        assert_snapshot!(format!("{name}-{columns}x{lines}"), stage.text());
    }
}

#[test]
fn the_fleet_is_a_table() {
    at_each_size("fleet", |_| {});
}

#[test]
fn the_fleet_is_grouped_filtered_and_marked() {
    at_each_size("fleet-grouped", |stage| {
        stage.keys("b/!board\nj  ");
    });
}

#[test]
fn the_fleet_is_a_map() {
    at_each_size("map", |stage| {
        stage.keys("mjs");
    });
}

#[test]
fn a_device_has_values_a_chart_and_a_history() {
    at_each_size("device", Stage::open_kettle);
}

#[test]
fn a_device_that_is_commissioned_shows_what_happens_on_the_air() {
    at_each_size("device-commissioned", Stage::open_board);
}

#[test]
fn the_log_follows_the_latest_event() {
    at_each_size("log", |stage| {
        stage.keys("4");
    });
}

#[test]
fn traffic_is_a_list_and_the_whole_of_one() {
    at_each_size("traffic", |stage| {
        stage.keys("t");
        stage.exchange();
    });
}

#[test]
fn a_device_that_waits_shows_its_code() {
    at_each_size("code", Stage::open_code);
}

#[test]
fn faults_are_searched_and_described() {
    at_each_size("faults", |stage| {
        stage.keys("x/late\nj");
    });
}

#[test]
fn a_fault_is_set_up_in_a_form() {
    at_each_size("fault-form", |stage| {
        stage.keys("x/sensor-offset\n\ntemp");
    });
}

#[test]
fn what_goes_wrong_counts_down_on_its_device() {
    at_each_size("device-faults", |stage| {
        stage.open_kettle();
        stage.go_wrong();
    });
}

#[test]
fn a_load_shows_its_phase_its_operations_and_its_generator() {
    at_each_size("load", Stage::open_load);
}

#[test]
fn a_fleet_that_is_no_load_says_so() {
    let mut stage = Stage::new(100, 30, OPTIONS);
    stage.draw();
    stage.keys("7");
    assert!(stage.text().contains("this fleet is no load"));
    assert!(!stage.text().contains("7 load"));
}

#[test]
fn a_load_is_looked_at_as_one_first_and_its_cursor_stays_on_its_operation() {
    let mut stage = Stage::load(100, 30);
    assert!(stage.text().contains("publish/s"), "{}", stage.text());
    stage.keys("kkk");
    assert!(stage.text().contains("setup/s"));
    let mut load = common::load();
    load.operations.remove(0);
    stage.news(thingfleet_tui::feed::News::Load(load.into()));
    assert!(stage.text().contains("setup/s"));
}

#[test]
fn help_is_made_of_the_table_of_keys() {
    at_each_size("help", |stage| {
        stage.keys("?");
    });
}

#[test]
fn the_palette_finds_commands_and_devices() {
    at_each_size("palette", |stage| {
        stage.keys(":lamp");
    });
}

#[test]
fn a_value_is_typed_for_the_devices_that_are_meant() {
    at_each_size("value", |stage| {
        stage.open_kettle();
        stage.keys("i95.5\t");
    });
}

#[test]
fn what_destroys_is_asked_for() {
    at_each_size("question", |stage| {
        stage.keys("aD");
    });
}

#[test]
fn without_colours_nothing_has_one() {
    for keys in ["", "\n", "m", "3", "4", "5", "6", "x\n", "?", ":", "i", "aD"] {
        let options = thingfleet_tui::app::Options { has_colour: false, ..OPTIONS };
        let mut stage = Stage::new(100, 30, options);
        stage.draw();
        stage.keys_or_kettle(keys);
        let buffer = stage.buffer();
        let coloured = buffer.content.iter().find(|cell| cell.fg != Color::Reset || cell.bg != Color::Reset);
        assert_eq!(coloured, None, "after {keys:?}");
        assert!(buffer.content.iter().any(|cell| cell.modifier.contains(Modifier::BOLD)), "after {keys:?}");
    }
}

#[test]
fn colours_are_those_of_the_terminal() {
    for keys in ["", "\n", "m", "3", "4", "?"] {
        let mut stage = Stage::new(100, 30, OPTIONS);
        stage.draw();
        stage.keys_or_kettle(keys);
        for cell in &stage.buffer().content {
            for colour in [cell.fg, cell.bg] {
                assert!(!matches!(colour, Color::Rgb(..) | Color::Indexed(_)), "{colour:?} after {keys:?}");
            }
        }
    }
}

#[test]
fn every_size_can_be_drawn() {
    for (columns, lines) in [(1, 1), (2, 3), (10, 2), (20, 5), (40, 10), (60, 15), (79, 23), (300, 100)] {
        for keys in ["", "\n", "m", "3", "4", "5", "6", "x\n", "?", ":k", "i", "aD", "b"] {
            let mut stage = Stage::new(columns, lines, OPTIONS);
            stage.draw();
            stage.keys_or_kettle(keys);
            stage.draw();
        }
        Stage::load(columns, lines).draw();
    }
}
