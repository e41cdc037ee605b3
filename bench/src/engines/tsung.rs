//! Tsung 1.7 with the nearest that it can do: STARTTLS, PLAIN, presence, and a publish that it sends as text.
//!
//! It takes whatever bytes come next for the answer to a request. So its users wait after each new stream, as its own
//! example does; what arrives in two packets would otherwise be taken for two answers.

use super::{
    AFTERWARDS, ARRIVALS, PERIOD, Task,
    log::Log,
    watch::{Process, Source},
};
use crate::{Failure, lean};
use std::{fmt::Write as _, fs, net::TcpListener, process::Stdio};
use tokio::process::Command;

pub(super) fn start(task: &Task) -> Result<Process, Failure> {
    let mut users = String::new();
    for account in &task.accounts {
        writeln!(users, "{};{}", account.jid.local(), account.password.reveal())?;
    }
    let files = [("users.csv", users), ("tsung.xml", scenario(task)?)];
    for (name, text) in files {
        fs::write(task.directory.join(name), text)?;
    }
    // Nodes of Erlang find each other by a daemon that stays behind; one node needs none.
    let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
    let alone =
        format!("-start_epmd false -erl_epmd_port {port} -kernel inet_dist_use_interface {{127,0,0,1}}");
    let logs = task.directory.join("log");
    let child = Command::new("tsung")
        .args(["-n", "-f"])
        .arg(task.directory.join("tsung.xml"))
        .arg("-l")
        .arg(&logs)
        .arg("start")
        .env("HOME", &task.directory)
        .env("ERL_AFLAGS", alone)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()
        .map_err(|error| format!("tsung cannot be started: {error}"))?;
    Process::new(child, Source::Log(Log::of(logs)))
}

/// The scenario as Tsung reads it.
fn scenario(task: &Task) -> Result<String, Failure> {
    let port = task.remote.port.ok_or("the port is not known")?;
    let count = task.accounts.len();
    let ramp = count as u64 / u64::from(ARRIVALS) + 1;
    let payload = lean::publish_payload("xmpp.iot.sensor.temp", "unit='celsius' type='float'", "22.%%_n%%");
    let publish = format!("<iq type='set' id='p%%_n%%'>{payload}</iq>");
    let publish = publish.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;");
    let sign_in = "<xmpp_authenticate username=\"%%_username%%\" passwd=\"%%_password%%\"/>";
    Ok(format!(
        r#"<?xml version="1.0"?>
<!DOCTYPE tsung SYSTEM "/usr/share/tsung/tsung-1.0.dtd">
<tsung loglevel="warning" dumptraffic="false" version="1.0">
  <clients><client host="localhost" use_controller_vm="true" maxusers="60000"/></clients>
  <servers><server host="127.0.0.1" port="{port}" type="tcp"/></servers>
  <load duration="{duration}" unit="second">
    <arrivalphase phase="1" duration="{arriving}" unit="second">
      <users maxnumber="{count}" arrivalrate="{ARRIVALS}" unit="second"/>
    </arrivalphase>
  </load>
  <options>
    <option type="ts_jabber" name="global_number" value="5"/>
    <option type="ts_jabber" name="userid_max" value="0"/>
    <option type="ts_jabber" name="domain" value="{domain}"/>
    <option name="file_server" id="users" value="{directory}/users.csv"/>
  </options>
  <sessions><session bidi="true" probability="100" name="devices" type="ts_jabber">
    <setdynvars sourcetype="file" fileid="users" delimiter=";" order="iter">
      <var name="username"/><var name="password"/>
    </setdynvars>
    <request subst="true"><jabber type="connect" ack="local">{sign_in}</jabber></request>
    <thinktime value="2"/>
    <request><jabber type="starttls" ack="bidi_ack"/></request>
    <request><jabber type="connect" ack="local"/></request>
    <thinktime value="2"/>
    <request subst="true"><jabber type="auth_sasl" ack="local">{sign_in}</jabber></request>
    <request><jabber type="connect" ack="local"/></request>
    <thinktime value="2"/>
    <request><jabber type="auth_sasl_bind" ack="local"/></request>
    <request><jabber type="presence:initial" ack="no_ack"/></request>
    <for from="1" to="100000" incr="1" var="n">
      <thinktime value="{pace}"/>
      <transaction name="publish">
        <request subst="true"><jabber type="raw" ack="local" data="{publish}"/></request>
      </transaction>
    </for>
  </session></sessions>
</tsung>
"#,
        duration = ramp + AFTERWARDS.as_secs(),
        // Those that Poisson's chance has come late still come.
        arriving = ramp * 2 + 5,
        domain = task.remote.domain,
        directory = task.directory.display(),
        pace = PERIOD.as_secs(),
    ))
}
