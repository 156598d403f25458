//! PostgreSQL: the rows of a query, fetched a few thousand at a time within one read-only transaction.

use super::batch::{Batches, Cell};
use super::secrets::Filled;
use super::tls::Tls;
use crate::error::{Error, ErrorKind, Result};
use std::error::Error as StdError;
use std::time::Duration;
use tokio_postgres::config::{Host, SslMode};
use tokio_postgres::types::{FromSql, Type};
use tokio_postgres::{Client, Config, NoTls};

/// How many rows are fetched at a time.
const FETCH: i32 = 8_192;

/// From 1970-01-01 to 2000-01-01, where PostgreSQL counts from, in days.
const EPOCH_DAYS: i64 = 10_957;

/// Reads the rows of a query. The connection is that of `location`, a URL or `key=value` pairs.
pub(super) fn read(location: &Filled, query: &str, limit: Duration, rows: &mut Batches<'_>) -> Result<()> {
    let place = rows.place.clone();
    let network = |message: String| {
        let error = Error::new(ErrorKind::Network, location.hide(&message)).place(&place);
        error.help("see that the server is up, and correct `location` of the source")
    };
    let mut config: Config = location
        .text
        .parse()
        .map_err(|error: tokio_postgres::Error| network(format!("the connection: {}", words(&error))))?;
    config.application_name("nearside").connect_timeout(limit.min(Duration::from_secs(30)));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let work = async {
        let unreachable =
            |error: tokio_postgres::Error| network(format!("PostgreSQL cannot be reached: {}", words(&error)));
        let mut client = connect(&config).await.map_err(unreachable)?;
        fetch(&mut client, query, limit, rows).await
    };
    let late = || network(format!("PostgreSQL did not answer within {} s", limit.as_secs_f64()));
    let done = runtime.block_on(async { tokio::time::timeout(limit, work).await });
    runtime.shutdown_background();
    done.map_err(|_| late())?.map_err(|error| error.place(&place))
}

/// A server on this machine is spoken to in the clear, any other as `sslmode` says.
async fn connect(config: &Config) -> Result<Client, tokio_postgres::Error> {
    let local = config.get_hosts().iter().all(|host| match host {
        Host::Tcp(name) => name == "localhost" || name.parse().is_ok_and(|ip: std::net::IpAddr| ip.is_loopback()),
        #[cfg(unix)]
        Host::Unix(_) => true,
    });
    let plain = config.get_ssl_mode() == SslMode::Disable || (local && config.get_ssl_mode() == SslMode::Prefer);
    if plain {
        let (client, connection) = config.connect(NoTls).await?;
        tokio::spawn(connection);
        Ok(client)
    } else {
        let (client, connection) = config.connect(Tls::new()).await?;
        tokio::spawn(connection);
        Ok(client)
    }
}

async fn fetch(client: &mut Client, query: &str, limit: Duration, rows: &mut Batches<'_>) -> Result<()> {
    let wrong = |error: tokio_postgres::Error| {
        let error = Error::new(ErrorKind::InvalidData, format!("PostgreSQL: {}", words(&error)));
        error.help("correct `query` of the source")
    };
    client.batch_execute(&format!("SET statement_timeout = {}", limit.as_millis().max(1))).await.map_err(wrong)?;
    let transaction = client.build_transaction().read_only(true).start().await.map_err(wrong)?;
    let statement = transaction.prepare(query).await.map_err(wrong)?;
    let names: Vec<&str> = statement.columns().iter().map(|column| column.name()).collect();
    let at = rows.place.clone();
    let places = rows.header(names.into_iter(), &at)?;
    let portal = transaction.bind(&statement, &[]).await.map_err(wrong)?;
    loop {
        let fetched = transaction.query_portal(&portal, FETCH).await.map_err(wrong)?;
        for row in &fetched {
            for (column, &at) in places.iter().enumerate() {
                let value: Option<Raw<'_>> = row.try_get(at).map_err(wrong)?;
                let number = rows.row();
                let cell = value.map_or(Ok(Cell::Missing), Raw::cell);
                let name = rows.wanted[column].name;
                rows.push(column, cell.map_err(|error| error.item(name).row(number))?)?;
            }
            if !rows.end_row()? {
                return Ok(());
            }
        }
        if fetched.len() < FETCH as usize {
            return Ok(());
        }
    }
}

/// What the server says, without the name of the library.
fn words(error: &tokio_postgres::Error) -> String {
    if let Some(error) = error.as_db_error() {
        return error.message().to_owned();
    }
    error.source().map_or_else(|| error.to_string(), |cause| format!("{error}: {cause}"))
}

/// A value in the server's binary form.
struct Raw<'a> {
    kind: Type,
    bytes: &'a [u8],
}

impl<'a> FromSql<'a> for Raw<'a> {
    fn from_sql(kind: &Type, bytes: &'a [u8]) -> Result<Self, Box<dyn StdError + Sync + Send>> {
        Ok(Self { kind: kind.clone(), bytes })
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}

impl<'a> Raw<'a> {
    fn cell(self) -> Result<Cell<'a>> {
        let Self { kind, bytes } = &self;
        let malformed = || Error::new(ErrorKind::InvalidData, format!("a malformed value of type {kind}"));
        let integer = || match bytes.len() {
            2 => bytes.first_chunk().map(|bytes| i64::from(i16::from_be_bytes(*bytes))),
            4 => bytes.first_chunk().map(|bytes| i64::from(i32::from_be_bytes(*bytes))),
            8 => bytes.first_chunk().map(|bytes| i64::from_be_bytes(*bytes)),
            _ => None,
        };
        let cell = match *kind {
            Type::BOOL => bytes.first().map(|byte| Cell::Flag(*byte != 0)),
            Type::INT2 | Type::INT4 | Type::INT8 => integer().map(Cell::Integer),
            Type::OID => integer().map(|number| Cell::Integer(number & 0xffff_ffff)),
            Type::FLOAT4 => bytes.first_chunk().map(|bytes| Cell::Number(f32::from_be_bytes(*bytes).into())),
            Type::FLOAT8 => bytes.first_chunk().map(|bytes| Cell::Number(f64::from_be_bytes(*bytes))),
            Type::NUMERIC => numeric(bytes).map(Cell::Number),
            Type::DATE => integer().map(|days| Cell::Day(days + EPOCH_DAYS)),
            Type::TIMESTAMP | Type::TIMESTAMPTZ => {
                integer().map(|micros| Cell::Moment(micros.saturating_add(EPOCH_DAYS * 86_400_000_000)))
            }
            // Text and whatever else travels as text: enumerations, names, JSON.
            Type::TEXT | Type::VARCHAR | Type::BPCHAR | Type::NAME | Type::UNKNOWN | Type::JSON | Type::XML => {
                std::str::from_utf8(bytes).ok().map(Cell::Text)
            }
            _ if matches!(kind.kind(), tokio_postgres::types::Kind::Enum(_)) => {
                std::str::from_utf8(bytes).ok().map(Cell::Text)
            }
            _ => {
                let error = Error::new(ErrorKind::InvalidData, format!("values of type {kind} are not read"));
                return Err(error.help("cast the column in the query, for example x::text"));
            }
        };
        cell.ok_or_else(malformed)
    }
}

/// A `numeric`: digits to the base 10,000 with a weight, a sign and a number of decimals.
fn numeric(bytes: &[u8]) -> Option<f64> {
    let word = |place: usize| bytes.get(2 * place..2 * place + 2).map(|pair| i16::from_be_bytes([pair[0], pair[1]]));
    let (count, weight, sign) = (word(0)?, word(1)?, word(2)? as u16);
    match sign {
        0xC000 => return Some(f64::NAN),
        0xD000 => return Some(f64::INFINITY),
        0xF000 => return Some(f64::NEG_INFINITY),
        _ => {}
    }
    // Through decimal text, so that the number is the nearest one.
    let mut text = String::from(if sign == 0x4000 { "-0" } else { "0" });
    for place in 0..count.max(0) as usize {
        text.push_str(&format!("{:04}", word(4 + place)?));
    }
    text.push_str(&format!("e{}", 4 * (i32::from(weight) + 1 - i32::from(count))));
    text.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_become_the_nearest_number() {
        let of = |words: &[u16]| numeric(&words.iter().flat_map(|word| word.to_be_bytes()).collect::<Vec<_>>());
        assert_eq!(of(&[2, 0, 0, 1, 12, 3400]), Some(12.34));
        assert_eq!(of(&[2, 1, 0x4000, 0, 1, 2]), Some(-10_002.0));
        assert_eq!(of(&[1, 0xffff, 0, 2, 100]), Some(0.01));
        assert_eq!(of(&[0, 0, 0, 0]), Some(0.0));
        assert!(of(&[0, 0, 0xC000, 0]).is_some_and(f64::is_nan));
        assert_eq!(of(&[3, 0, 0, 0, 1]), None);
    }
}
