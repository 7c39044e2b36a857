/**
 * R18: corrald offers no TLS itself; it belongs behind a proxy that does. What is tested is what there is: the warning, TLS on the plain
 * port, and the SDK through such a proxy, with a right, a wrong and an expired certificate, and one changed under load.
 */
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import net from "node:net";
import path from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import tls from "node:tls";
import { promisify } from "node:util";
import { startCorrald } from "@corral/end-to-end";
import type { Row, RowStage } from "../row.ts";
import { Siege } from "../siege.ts";

const run = promisify(execFile);
const CLIENT_MS_MAX = 20_000;
/** For so long a client stays, in the middle of which the certificate changes. */
const UNDER_LOAD_MS = 2_000;

export const tlsProxy: Row = {
  name: "R18",
  title: "TLS: not offered by corrald, behind a TLS proxy",
  boundMs: 120_000,
  needs: ["openssl"],
  async run(stage) {
    stage.say("!! CORRALD OFFERS NO TLS: tested behind a proxy that does, and that corrald says so where it matters");
    const files = await certificates(stage);
    const siege = await Siege.lay(stage, { clients: 3 });
    await inTheClear(siege, stage);
    await tlsOnThePlainPort(siege);
    const proxy = await terminating(siege, files("good"), stage);
    const outcomes: Record<string, string> = {
      right: await client(proxy.url, files("ca").file),
      "wrong authority": await client(proxy.url, files("other").file),
    };
    proxy.server.setSecureContext(files("expired"));
    outcomes["expired"] = await client(proxy.url, files("ca").file);
    proxy.server.setSecureContext(files("good"));
    const staying = client(proxy.url, files("ca").file, UNDER_LOAD_MS);
    await wait(UNDER_LOAD_MS / 2);
    proxy.server.setSecureContext(files("next"));
    outcomes["changed under a connection"] = await staying;
    outcomes["after the change"] = await client(proxy.url, files("ca").file);
    for (const [what, wanted] of Object.entries(WANTED)) {
      siege.figures[what] = outcomes[what] === "ok" ? "ok" : "refused";
      if (!wanted.test(outcomes[what]!)) siege.fail("tls", `${what}: the client said ${outcomes[what]}`);
    }
    return siege.end();
  },
};

const WANTED: Readonly<Record<string, RegExp>> = {
  right: /^ok$/,
  "wrong authority": /self-signed|unable to verify|unable to get|certificate/i,
  expired: /expired/i,
  "changed under a connection": /^ok$/,
  "after the change": /^ok$/,
};

type Files = (name: string) => { readonly key: Buffer; readonly cert: Buffer; readonly file: string };

/** Two authorities, and of the first: a certificate, its successor, and one that was over yesterday. */
async function certificates(stage: RowStage): Promise<Files> {
  const at = await stage.directory("certificates");
  const openssl = (...args: readonly string[]): Promise<unknown> => run("openssl", [...args], { cwd: at });
  const curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
  for (const name of ["ca", "other"])
    await openssl(
      "req",
      "-x509",
      ...curve,
      "-keyout",
      `${name}.key`,
      "-out",
      `${name}.pem`,
      "-subj",
      `/CN=${name}`,
      "-days",
      "2",
    );
  for (const [name, days] of [
    ["good", "2"],
    ["next", "2"],
    ["expired", "-1"],
  ] as const) {
    await openssl(
      "req",
      ...curve,
      "-keyout",
      `${name}.key`,
      "-out",
      `${name}.csr`,
      "-subj",
      "/CN=localhost",
      "-addext",
      "subjectAltName=IP:127.0.0.1",
    );
    await openssl(
      "x509",
      "-req",
      "-in",
      `${name}.csr`,
      "-CA",
      "ca.pem",
      "-CAkey",
      "ca.key",
      "-CAcreateserial",
      "-copy_extensions",
      "copy",
      "-out",
      `${name}.pem`,
      "-days",
      days,
    );
  }
  return (name) => {
    const file = path.join(at, `${name}.pem`);
    return { key: readFileSync(path.join(at, `${name}.key`)), cert: readFileSync(file), file };
  };
}

/** Reachable from elsewhere, it says that it speaks in the clear; on loopback it does not. */
async function inTheClear(siege: Siege, stage: RowStage): Promise<void> {
  const open = await startCorrald({ data: await stage.directory("open"), host: "0.0.0.0" });
  const isWarned = (await open.stop()).stderr.includes("listens_in_clear");
  if (!isWarned) siege.fail("tls", "corrald listens on every address in the clear and does not say so");
  if (siege.daemon.log().includes("listens_in_clear")) siege.fail("tls", "corrald warns of loopback");
}

/** Closed at once; and nobody else notices. */
async function tlsOnThePlainPort(siege: Siege): Promise<void> {
  const { hostname, port } = new URL(siege.daemon.url);
  const said = await new Promise<string>((resolve) => {
    const socket = tls.connect({
      host: hostname,
      port: Number(port),
      rejectUnauthorized: false,
      timeout: CLIENT_MS_MAX,
    });
    socket.once("secureConnect", () => resolve("secure"));
    socket.once("error", (error) => resolve(String(error)));
    socket.once("timeout", () => resolve("silence"));
  });
  siege.figures["TLS on the plain port"] = said.includes("silence") || said === "secure" ? said : "refused";
  if (said === "secure" || said === "silence") siege.fail("tls", `TLS on the plain port met ${said}`);
}

async function terminating(
  siege: Siege,
  certificate: { readonly key: Buffer; readonly cert: Buffer },
  stage: RowStage,
): Promise<{ readonly server: tls.Server; readonly url: string }> {
  const sockets = new Set<net.Socket>();
  const server = tls.createServer(certificate, (client) => {
    const { hostname, port } = new URL(siege.daemon.url);
    const inner = net.connect(Number(port), hostname);
    for (const socket of [client, inner]) {
      sockets.add(socket);
      socket.on("error", () => socket.destroy());
      socket.on("close", () => sockets.delete(socket));
    }
    client.pipe(inner).pipe(client);
  });
  // A handshake that fails is the client's to tell.
  server.on("tlsClientError", () => {});
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  stage.atEnd(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return { server, url: `wss://127.0.0.1:${(server.address() as net.AddressInfo).port}` };
}

/** A process of its own, with an authority of its own. Returns "ok", or why there is no connection. */
async function client(url: string, authority: string, stayMs = 0): Promise<string> {
  const main = path.join(import.meta.dirname, "../tls-client.js");
  const env = { PATH: process.env["PATH"], NODE_EXTRA_CA_CERTS: authority };
  const { stdout } = await run(process.execPath, [main, url, String(stayMs)], { env, timeout: CLIENT_MS_MAX });
  return stdout.trim();
}
