//! The pictures, as SVG.

use jiff::{Timestamp, civil::DateTime, tz::TimeZone};
use plotters::{
    coord::Shift,
    prelude::{
        ChartBuilder, Circle, DrawingArea, DrawingAreaErrorKind, IntoDrawingArea as _, IntoLogRange as _,
        Rectangle, SVGBackend,
    },
    style::{Color as _, RGBColor},
};

use crate::review::{Port, Profile};

/// Of the page's one hue; readable on light and on dark.
const BLUE: RGBColor = RGBColor(37, 99, 235);
const ORANGE: RGBColor = RGBColor(217, 119, 6);
/// Axes; the page's style sheet replaces it by the text's colour.
const INK: RGBColor = RGBColor(0, 0, 0);
const WIDTH: u32 = 960;

type Outcome<'a> = Result<(), DrawingAreaErrorKind<std::io::Error>>;

/// A picture in a string; what can't be drawn is an empty one, and the table beside it tells all.
fn svg(height: u32, draw: impl FnOnce(&DrawingArea<SVGBackend<'_>, Shift>) -> Outcome<'static>) -> String {
    let mut text = String::new();
    {
        let area = SVGBackend::with_string(&mut text, (WIDTH, height)).into_drawing_area();
        if draw(&area).and_then(|()| area.present()).is_err() {
            return String::new();
        }
    }
    // It scales with the page.
    text.replacen("<svg ", "<svg role=\"presentation\" ", 1).replacen(
        &format!("width=\"{WIDTH}\" height=\"{height}\" "),
        "",
        1,
    )
}

/// Ports against time; the stronger, the more.
pub(super) fn heat(heat: &[(Port, Vec<u64>)], since: Timestamp, column: i64, zone: &TimeZone) -> String {
    let columns = heat.iter().map(|(_, counts)| counts.len()).max().unwrap_or(0);
    let most = heat.iter().flat_map(|(_, counts)| counts).copied().max().unwrap_or(0);
    if columns == 0 || most == 0 {
        return String::new();
    }
    let rows = heat.len();
    let height = 60 + 22 * u32::try_from(rows).unwrap_or(16);
    svg(height, |area| {
        let mut chart = ChartBuilder::on(area)
            .margin(8)
            .x_label_area_size(36)
            .y_label_area_size(90)
            .build_cartesian_2d(0.0..columns as f64, 0.0..rows as f64)?;
        let time = |at: &f64| {
            #[expect(clippy::cast_possible_truncation, reason = "a column's number is small")]
            let moment = since.as_microsecond() + (*at * column as f64) as i64;
            moment_text(moment, zone)
        };
        let port = |at: &f64| {
            // Labels stand in the middle of their rows.
            let place = rows as f64 - 0.5 - at;
            let found = heat.iter().enumerate().find(|(n, _)| (*n as f64 - place).abs() < 0.01);
            found.map(|(_, ((port, protocol), _))| format!("{port}/{}", plain(protocol))).unwrap_or_default()
        };
        chart
            .configure_mesh()
            .disable_mesh()
            .x_labels(8)
            .y_labels(rows * 2 + 1)
            .x_label_formatter(&time)
            .y_label_formatter(&port)
            .axis_style(INK)
            .label_style(("sans-serif", 14))
            .draw()?;
        let cells = heat.iter().enumerate().flat_map(|(n, (_, counts))| {
            let top = rows as f64 - n as f64;
            counts.iter().enumerate().filter(|(_, count)| **count > 0).map(move |(x, &count)| {
                let x = x as f64;
                // By its logarithm: a flood must not hide everything else.
                let strength = 0.15 + 0.85 * ((count as f64).ln_1p() / (most as f64).ln_1p());
                Rectangle::new([(x, top - 0.06), (x + 1.0, top - 0.94)], BLUE.mix(strength).filled())
            })
        });
        chart.draw_series(cells)?;
        Ok(())
    })
}

/// Bars for each day, with those of the stretch before.
pub(super) fn days(days: &[(DateTime, u64, Option<u64>)]) -> String {
    let most = days.iter().flat_map(|&(_, now, before)| [now, before.unwrap_or(0)]).max().unwrap_or(0);
    if most == 0 {
        return String::new();
    }
    svg(260, |area| {
        let mut chart = ChartBuilder::on(area)
            .margin(8)
            .x_label_area_size(36)
            .y_label_area_size(90)
            .build_cartesian_2d(0.0..days.len() as f64, 0.0..most as f64 * 1.05)?;
        let day = |at: &f64| {
            let found = days.iter().enumerate().find(|(n, _)| (*n as f64 + 0.5 - at).abs() < 0.01);
            found.map(|(_, (day, ..))| day.strftime("%a %d %b").to_string()).unwrap_or_default()
        };
        chart
            .configure_mesh()
            .disable_x_mesh()
            .light_line_style(INK.mix(0.0))
            .bold_line_style(INK.mix(0.15))
            .x_labels(days.len() * 2 + 1)
            .y_label_formatter(&|count| format!("{count:.0}"))
            .x_label_formatter(&day)
            .axis_style(INK)
            .label_style(("sans-serif", 14))
            .draw()?;
        let bar = |from: f64, to: f64, count: u64, color: RGBColor| {
            Rectangle::new([(from, 0.0), (to, count as f64)], color.filled())
        };
        let now = days
            .iter()
            .enumerate()
            .map(|(n, &(_, count, _))| bar(n as f64 + 0.5, n as f64 + 0.9, count, BLUE));
        chart.draw_series(now)?;
        let before = days
            .iter()
            .enumerate()
            .filter_map(|(n, &(.., count))| Some(bar(n as f64 + 0.1, n as f64 + 0.5, count?, ORANGE)));
        chart.draw_series(before)?;
        Ok(())
    })
}

/// How many ports a source tried against how many hosts: scans of ports are on the right, sweeps
/// on top.
pub(super) fn scatter<'a>(profiles: impl Iterator<Item = &'a Profile>) -> String {
    let points: Vec<(f64, f64, u64)> = profiles
        .filter(|profile| !profile.ports.is_empty() && !profile.hosts.is_empty())
        .map(|profile| (profile.ports.len() as f64, profile.hosts.len() as f64, profile.packets))
        .collect();
    if points.is_empty() {
        return String::new();
    }
    let reach = |of: fn(&(f64, f64, u64)) -> f64| points.iter().map(of).fold(10.0, f64::max) * 1.5;
    let (right, top) = (reach(|point| point.0), reach(|point| point.1));
    svg(360, |area| {
        let mut chart = ChartBuilder::on(area)
            .margin(8)
            .x_label_area_size(44)
            .y_label_area_size(90)
            .build_cartesian_2d((0.8..right).log_scale(), (0.8..top).log_scale())?;
        chart
            .configure_mesh()
            .light_line_style(INK.mix(0.0))
            .bold_line_style(INK.mix(0.15))
            .x_desc("distinct ports")
            .y_desc("distinct hosts")
            .x_label_formatter(&|at| format!("{at:.0}"))
            .y_label_formatter(&|at| format!("{at:.0}"))
            .axis_style(INK)
            .label_style(("sans-serif", 14))
            .draw()?;
        chart.draw_series(points.iter().map(|&(x, y, packets)| {
            let size = 3 + 2 * i32::try_from(packets.max(1).ilog10()).unwrap_or(0);
            Circle::new((x, y), size, BLUE.mix(0.5).filled())
        }))?;
        Ok(())
    })
}

/// When one source tried which port.
pub(super) fn timeline(profile: &Profile, since: Timestamp, until: Timestamp, zone: &TimeZone) -> String {
    if profile.moments.is_empty() {
        return String::new();
    }
    let (first, last) = (since.as_microsecond() as f64, until.as_microsecond() as f64);
    svg(150, |area| {
        let mut chart = ChartBuilder::on(area)
            .margin(6)
            .x_label_area_size(28)
            .y_label_area_size(90)
            .build_cartesian_2d(first..last, (1.0..70_000.0).log_scale())?;
        #[expect(clippy::cast_possible_truncation, reason = "microseconds of our time")]
        let time = |at: &f64| moment_text(*at as i64, zone);
        chart
            .configure_mesh()
            .light_line_style(INK.mix(0.0))
            .bold_line_style(INK.mix(0.1))
            .x_labels(8)
            .y_labels(4)
            .x_label_formatter(&time)
            .y_label_formatter(&|port| format!("{port:.0}"))
            .axis_style(INK)
            .label_style(("sans-serif", 14))
            .draw()?;
        let points = profile.moments.iter().map(|&(time, port)| {
            Circle::new((time as f64, f64::from(port.max(1))), 3, BLUE.mix(0.6).filled())
        });
        chart.draw_series(points)?;
        Ok(())
    })
}

fn moment_text(microseconds: i64, zone: &TimeZone) -> String {
    let moment = Timestamp::from_microsecond(microseconds).unwrap_or(Timestamp::UNIX_EPOCH);
    moment.to_zoned(zone.clone()).strftime("%a %d %H:%M").to_string()
}

/// A protocol's name, as far as it can be one: it was read from a file.
fn plain(name: &str) -> String {
    name.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '-').take(12).collect()
}
