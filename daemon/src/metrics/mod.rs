//! `portcullis metrics`: the daemon's numbers for Prometheus, and a small server for them.
//!
//! The daemon itself opens no network port. A process of its own, without any privilege, asks it
//! over the control socket each time that somebody scrapes. No label holds an address: an outsider
//! could make as many series as there are addresses.

mod serve;

use std::{fmt, mem, time::Duration};

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric as _, MetricEncoder, text::encode},
    metrics::{MetricType, counter::ConstCounter, gauge::ConstGauge},
    registry::Registry,
};

pub use self::serve::serve;
use crate::{ban::BanList, hits::HitReport, latency::Latencies, status::Status};

/// What the text is, as Prometheus asks for it
/// (<https://prometheus.io/docs/specs/om/open_metrics_spec/>).
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// What the daemon says of itself; `None` where it could not be asked.
#[derive(Debug, Default)]
pub struct Numbers {
    /// How it is.
    pub status: Option<Status>,
    /// How often each rule has decided.
    pub hits: Option<HitReport>,
    /// Who is banned.
    pub bans: Option<BanList>,
}

/// The daemon's numbers as OpenMetrics text.
pub fn text(numbers: Numbers) -> String {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(numbers));
    let mut text = String::new();
    // Writing to a string does not fail.
    let _ = encode(&mut text, &registry);
    text
}

type Label<'a> = (&'a str, &'a str);

impl Collector for Numbers {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut out = Out(encoder);
        let Self { status, hits, bans } = self;
        out.gauge("portcullis_up", "Whether the daemon answers", [([], u64::from(status.is_some()))])?;
        let Some(status) = status else { return Ok(()) };
        packets(&mut out, status)?;
        queues(&mut out, status)?;
        if let Some(bans) = bans {
            out.gauge("portcullis_bans", "Sources that are banned now", [([], bans.bans.len() as u64)])?;
            let dropped = bans.dropped.into_iter().map(|dropped| ([], dropped));
            out.counter("portcullis_ban_drops", "Packets of banned sources, dropped in the kernel", dropped)?;
        }
        records(&mut out, status)?;
        let hits = hits.iter().flat_map(|report| &report.rules);
        let hits = hits.map(|(rule, hits)| ([("rule", rule.as_str())], hits.packets));
        out.counter("portcullis_rule_hits", "Packets that each rule or policy has decided", hits)?;
        out.gauge(
            "portcullis_config_last_reload_success",
            "Whether the rules in force are those of the last reload",
            [([], u64::from(status.last_reload_succeeded))],
        )?;
        let degraded = u64::from(!status.degraded.is_empty());
        out.gauge("portcullis_degraded", "Whether anything is wrong; status tells what", [([], degraded)])?;
        out.gauge(
            "portcullis_generation",
            "Tables of rules published since the start",
            [([], status.generation)],
        )?;
        out.gauge("portcullis_rules", "Rules in force", [([], status.rules as u64)])?;
        let enforcing = u64::from(status.mode == "enforce");
        out.gauge("portcullis_enforcing", "0 in monitor mode, where everything passes", [([], enforcing)])?;
        let version = [("version", status.version.as_str())];
        out.gauge("portcullis_build_info", "The daemon's version; always 1", [(version, 1)])
    }
}

fn packets(out: &mut Out<'_>, status: &Status) -> fmt::Result {
    let totals = &status.packets;
    let verdicts = totals.verdicts.iter().map(|verdicts| {
        let reason = verdicts.reason.as_deref().unwrap_or("accepted");
        let labels =
            [("hook", verdicts.hook.as_str()), ("action", verdicts.action.as_str()), ("reason", reason)];
        (labels, verdicts.packets)
    });
    out.counter("portcullis_packets", "Packets judged, by what the rules say of them", verdicts)?;
    out.times(
        "portcullis_verdict_seconds",
        "From receive to verdict, without the time in the kernel's queue",
        &totals.latency,
    )?;
    let lost = totals.events_lost + totals.contacts_left_out;
    out.counter("portcullis_events_lost", "Judged packets that the recorder has not heard of", [([], lost)])?;
    out.counter(
        "portcullis_queue_errors",
        "Receives and verdicts that the kernel refused",
        [([], totals.errors)],
    )
}

fn queues(out: &mut Out<'_>, status: &Status) -> fmt::Result {
    let numbers: Vec<String> = status.queues.iter().map(|queue| queue.number.to_string()).collect();
    let queues = || numbers.iter().zip(&status.queues);
    let depth = queues().map(|(number, queue)| ([("queue", number.as_str())], u64::from(queue.waiting)));
    out.gauge("portcullis_queue_depth", "Packets that wait for a verdict", depth)?;
    let dropped = queues().flat_map(|(number, queue)| {
        let labels = |place| [("queue", number.as_str()), ("where", place)];
        [(labels("kernel"), queue.dropped_full), (labels("socket"), queue.dropped_unsent)]
    });
    out.counter(
        "portcullis_queue_dropped",
        "Packets lost before they were judged: the queue or its socket was full",
        dropped,
    )?;
    let unjudged = status.unjudged.map(|packets| ([], packets));
    out.counter(
        "portcullis_unjudged",
        "Packets without a verdict: nobody was at their queue, or it was full and open",
        unjudged,
    )
}

fn records(out: &mut Out<'_>, status: &Status) -> fmt::Result {
    let records = &status.records;
    let patterns = records.patterns.iter().map(|(pattern, count)| ([("pattern", pattern.as_str())], *count));
    out.counter("portcullis_incidents", "Incidents begun", patterns)?;
    out.counter(
        "portcullis_log_records",
        "Packets that have a record of their own",
        [([], records.written)],
    )?;
    let suppressed = [
        ([("why", "summarised")], records.summarised),
        ([("why", "unwanted")], records.suppressed),
        ([("why", "error")], records.errors),
        ([("why", "outlet")], records.untold),
    ];
    out.counter("portcullis_log_suppressed", "Packets without a record of their own", suppressed)
}

/// Where metrics are written, one family at a time.
struct Out<'a>(DescriptorEncoder<'a>);

impl Out<'_> {
    fn counter<'a, const N: usize>(
        &mut self,
        name: &str,
        help: &str,
        series: impl IntoIterator<Item = ([Label<'a>; N], u64)>,
    ) -> fmt::Result {
        self.family(name, help, MetricType::Counter, series, |value, out| {
            ConstCounter::new(value).encode(out)
        })
    }

    fn gauge<'a, const N: usize>(
        &mut self,
        name: &str,
        help: &str,
        series: impl IntoIterator<Item = ([Label<'a>; N], u64)>,
    ) -> fmt::Result {
        let encode = |value: u64, out: MetricEncoder<'_>| {
            ConstGauge::new(i64::try_from(value).unwrap_or(i64::MAX)).encode(out)
        };
        self.family(name, help, MetricType::Gauge, series, encode)
    }

    fn times(&mut self, name: &str, help: &str, times: &Latencies) -> fmt::Result {
        let seconds = |nanoseconds: u64| Duration::from_nanos(nanoseconds).as_secs_f64();
        // A series for each power of two is enough to keep.
        let mut buckets: Vec<(f64, u64)> = Vec::new();
        let mut packets = 0;
        for (end, more) in &times.buckets {
            packets += more;
            if end.is_power_of_two() {
                buckets.push((seconds(*end), mem::take(&mut packets)));
            }
        }
        if let Some((end, _)) = buckets.last_mut() {
            *end = f64::INFINITY;
        }
        let mut encoder = self.0.encode_descriptor(name, help, None, MetricType::Histogram)?;
        encoder.encode_histogram::<[Label<'_>; 0]>(
            seconds(times.nanoseconds),
            times.packets(),
            &buckets,
            None,
        )
    }

    fn family<'a, const N: usize>(
        &mut self,
        name: &str,
        help: &str,
        kind: MetricType,
        series: impl IntoIterator<Item = ([Label<'a>; N], u64)>,
        encode: impl Fn(u64, MetricEncoder<'_>) -> fmt::Result,
    ) -> fmt::Result {
        let mut family = self.0.encode_descriptor(name, help, None, kind)?;
        for (labels, value) in series {
            if N == 0 {
                encode(value, family)?;
                return Ok(());
            }
            encode(value, family.encode_family(&labels)?)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
