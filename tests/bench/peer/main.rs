//! The programs that `tests/bench/run` compares the daemon with, and the traffic that it sends through them.
//!
//! ```text
//! peer nfq QUEUE                        accepts every packet, through the nfq crate, one by one
//! peer batched QUEUE DROP_ONE_IN        64 packets a receive, one send, one of so many dropped
//! peer blast ADDRESS SECONDS [PER_SECOND]   small datagrams of 4096 flows; prints how many
//! peer serve PORT SECONDS               takes connections, and sends back what it reads
//! peer connect ADDRESS:PORT SECONDS     opens connections, one exchange each; prints how many
//! peer sink PORT                        takes connections, and reads
//! peer bulk ADDRESS:PORT STREAMS SECONDS CONGESTION_CONTROL   writes; prints bytes a second
//! ```

mod batched;
mod one_by_one;
mod tcp;
mod udp;

use std::{env, error::Error, process::ExitCode, time::Duration};

fn main() -> ExitCode {
    let words: Vec<String> = env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match run(&words) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("peer {}: {error}", words.join(" "));
            ExitCode::FAILURE
        }
    }
}

fn run(words: &[&str]) -> Result<(), Box<dyn Error>> {
    let seconds = |text: &str| text.parse().map(Duration::from_secs_f64);
    match words {
        ["nfq", queue] => one_by_one::run(queue.parse()?)?,
        ["batched", queue, one_in] => batched::run(queue.parse()?, one_in.parse()?)?,
        ["blast", to, time] => udp::blast(to.parse()?, seconds(time)?, None)?,
        ["blast", to, time, rate] => udp::blast(to.parse()?, seconds(time)?, Some(rate.parse()?))?,
        ["serve", port, time] => tcp::serve(port.parse()?, seconds(time)?)?,
        ["connect", to, time] => tcp::connect(to.parse()?, seconds(time)?)?,
        ["sink", port] => tcp::sink(port.parse()?)?,
        ["bulk", to, streams, time, congestion] => {
            tcp::bulk(to.parse()?, streams.parse()?, seconds(time)?, congestion)?;
        }
        _ => return Err("no such peer; the head of peer/main.rs names them".into()),
    }
    Ok(())
}
