/**
 * A page that runs the published browser build of the SDK as it is: modules by import map, no bundler, under a content
 * security policy that forbids code from strings. What the page's program returns comes back to the test.
 */
import { readFileSync, realpathSync } from "node:fs";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import type { AddressInfo } from "node:net";
import path from "node:path";

export interface WebPage {
  readonly url: string;
  /** What the program returned, or "ERROR …". */
  readonly result: Promise<string>;
  close(): void;
}

const POLICY = "script-src 'self' 'unsafe-inline'; connect-src 'self' ws:";

/** Folder of a package that `from` depends on, or of this one's dependency. */
function folderOf(name: string, from: string): string {
  const found =
    createRequire(from)
      .resolve.paths(name)
      ?.map((folder) => path.join(folder, name)) ?? [];
  for (const folder of found) {
    try {
      return realpathSync(folder);
    } catch {
      // Not in this node_modules: the next one up.
    }
  }
  throw new Error(`${name} is not installed for ${from}`);
}

/** `program` is the body of an async function that is given the SDK as `sdk` and returns a string. */
export async function servePage(program: string): Promise<WebPage> {
  const client = folderOf("@corral/client", import.meta.url);
  const protocol = folderOf("@corral/protocol", path.join(client, "package.json"));
  const msgpackr = folderOf("msgpackr", path.join(protocol, "package.json"));
  const cache = folderOf("lru-cache", path.join(client, "package.json"));
  const folders: Readonly<Record<string, string>> = { client, protocol, msgpackr, cache };
  const imports = {
    "@corral/client": "/client/dist/browser.js",
    "@corral/protocol": "/protocol/dist/index.js",
    "msgpackr/unpack": "/msgpackr/unpack.js",
    "msgpackr/pack": "/msgpackr/pack.js",
    msgpackr: "/msgpackr/index.js",
    "lru-cache": "/cache/dist/esm/browser/index.min.js",
  };
  const html = `<!doctype html><title>corral</title><script type="importmap">${JSON.stringify({ imports })}</script>
<script type="module">
const tell = (body) => fetch("/result", { method: "POST", body });
import("@corral/client").then(async (sdk) => { ${program} }).then(tell, (error) => tell("ERROR " + error.stack));
</script>`;
  let resolve: (result: string) => void = () => {};
  const result = new Promise<string>((done) => (resolve = done));
  const server = createServer((request, response) => {
    if (request.url === "/") {
      response.writeHead(200, { "content-type": "text/html", "content-security-policy": POLICY });
      return response.end(html);
    }
    if (request.url === "/result") {
      request.setEncoding("utf8");
      let body = "";
      request.on("data", (part: string) => (body += part));
      request.on("end", () => {
        response.end();
        resolve(body);
      });
      return;
    }
    const [, folder = "", ...rest] = (request.url ?? "").split("/");
    try {
      const file = readFileSync(path.join(folders[folder] ?? "/nowhere", ...rest));
      response.writeHead(200, { "content-type": "text/javascript" });
      return response.end(file);
    } catch {
      response.writeHead(404);
      return response.end();
    }
  });
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/`,
    result,
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}
