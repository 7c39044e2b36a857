/** The commands for clusters: real processes, a server and three real brokers in this one. */
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startBrokers, stopBrokers, type TestBroker } from "./cluster.ts";
import { corral, jsonLines, start, withServer } from "./corral.ts";

const at = withServer();
let brokers: TestBroker[] = [];
let directory = "";

beforeAll(async () => {
  brokers = await startBrokers(at.url, "main", [1, 2, 3]);
  directory = await mkdtemp(path.join(os.tmpdir(), "corral-cli-"));
  await corral("topics", "create", "orders", "--replicas", "1:2,2:3,3:1");
});
afterAll(async () => {
  await stopBrokers(brokers);
  await rm(directory, { recursive: true });
});

const json = async (...args: string[]): Promise<Record<string, unknown>[]> =>
  jsonLines((await corral(...args, "--json")).stdout);

test("brokers list shows who is registered, what each leads and keeps, and who is controller", async () => {
  const [{ stdout }, rows] = await Promise.all([corral("brokers", "list"), json("brokers", "list")]);
  const [head, ...lines] = stdout.trimEnd().split("\n");
  expect(head).toMatch(/^ID {2}STATUS +RACK +ENDPOINTS +LEADS +REPLICAS +EPOCH$/);
  expect(lines).toHaveLength(3);
  expect(lines[0]).toMatch(/^1 {3}active.* clients=127\.0\.0\.1:9001 /);
  expect(rows.map(({ id, status }) => [id, status])).toEqual([1, 2, 3].map((id) => [id, "active"]));
  expect(rows.filter(({ isController }) => isController === true)).toHaveLength(1);
});

test("a broker is described; one that is not there is 3; one that keeps replicas is not unregistered", async () => {
  const [one, none, kept] = await Promise.all([
    corral("brokers", "describe", "2"),
    corral("brokers", "describe", "7"),
    corral("brokers", "unregister", "1"),
  ]);
  expect(one.stdout).toMatch(/^id +2\nstatus +active\nendpoints +clients=127\.0\.0\.1:9002\nrack +-$/m);
  expect(none).toMatchObject({ code: 3, stdout: "", stderr: expect.stringContaining("broker 7 is not registered") });
  expect(kept).toMatchObject({ code: 1, stderr: expect.stringMatching(/\[[A-Z_]+\]/) });
});

test("topics are made, shown, grown and deleted", async () => {
  const sizes = ["--partitions", "2", "--replication-factor", "3"];
  const created = await corral("topics", "create", "one", ...sizes, "--config", "min.insync.replicas=2");
  expect(created).toEqual({ code: 0, stdout: "created one: 2 partitions, 3 replicas each\n", stderr: "" });
  const [described, again, anyway] = await Promise.all([
    json("topics", "describe", "one"),
    corral("topics", "create", "one"),
    corral("topics", "create", "one", "--if-not-exists"),
  ]);
  const partitions = [{ partition: 0 }, { partition: 1 }];
  const configs = { "min.insync.replicas": "2" };
  expect(described).toMatchObject([{ name: "one", state: "live", replicationFactor: 3, configs, partitions }]);
  expect(again).toMatchObject({ code: 1, stderr: expect.stringContaining("TOPIC_ALREADY_EXISTS") });
  expect(anyway).toMatchObject({ code: 0, stdout: "one is there already\n" });
  expect((await corral("topics", "alter", "one", "--partitions", "3")).stdout).toBe("one has 3 partitions\n");
  expect((await corral("topics", "delete", "one", "nothing", "--if-exists")).stdout).toBe("deleted one\n");
  expect((await corral("topics", "list")).stdout).toBe("orders\n");
});

test("topics are laid out as --replicas has it, and only checked with --dry-run", async () => {
  const [{ stdout }, long, dry] = await Promise.all([
    corral("topics", "describe", "orders"),
    corral("topics", "list", "-l"),
    corral("topics", "create", "a b", "--dry-run"),
  ]);
  const [head, columns, ...rows] = stdout.trimEnd().split("\n");
  expect(head).toMatch(/^orders {2}id \w+ {2}live {2}replication factor 2$/);
  expect(columns).toMatch(/^TOPIC +PARTITION +LEADER +EPOCH +REPLICAS +ISR +STATE$/);
  const shown = rows.map((row) => row.split(/ +/));
  expect(shown.map(([, partition, leader, , replicas]) => [partition, leader, replicas])).toEqual([
    ["0", "1", "1,2"],
    ["1", "2", "2,3"],
    ["2", "3", "3,1"],
  ]);
  expect(long.stdout).toMatch(/^orders +3 +2 +0 +0 +-$/m);
  expect(dry).toMatchObject({ code: 2, stderr: expect.stringContaining("INVALID_TOPIC") });
});

test("a name that is nearly right is suggested, and what is not there is 3", async () => {
  const [topic, several, cluster] = await Promise.all([
    corral("topics", "describe", "ordrs"),
    corral("partitions", "orders", "ordrs", "--json"),
    corral("topics", "list", "--cluster", "mian"),
  ]);
  const nearTopic = expect.stringContaining("there is no topic ordrs (did you mean orders?)");
  expect(topic).toMatchObject({ code: 3, stderr: nearTopic });
  expect(jsonLines(several.stderr)).toMatchObject([{ error: { code: "UNKNOWN_TOPIC_OR_PARTITION", exitCode: 3 } }]);
  const nearCluster = expect.stringContaining("there is no cluster mian in /clusters (did you mean main?)");
  expect(cluster).toMatchObject({ code: 3, stderr: nearCluster });
});

test("the cluster is found by its name, by the environment, or by being the only one", async () => {
  const other = await startBrokers(at.url, "other", [1]);
  try {
    const list = ["brokers", "list", "--json"];
    const [unnamed, named, byEnv, elsewhere] = await Promise.all([
      corral(...list),
      corral("--cluster", "other", ...list),
      start(list, { CORRAL_CLUSTER: "main" }).ended,
      corral(...list, "--root", "/elsewhere"),
    ]);
    expect(unnamed.code).toBe(2);
    expect(unnamed.stderr).toContain("which cluster? --cluster main, --cluster other");
    expect(jsonLines(named.stdout)).toHaveLength(1);
    expect(jsonLines(byEnv.stdout)).toHaveLength(3);
    expect(elsewhere.code).toBe(3);
  } finally {
    await stopBrokers(other);
    await brokers[0]!.client.delete("/clusters/other", { recursive: true });
  }
});

test("elect says of each partition what became of it, and an election that nobody needs is no failure", async () => {
  const [all, one, absent] = await Promise.all([
    corral("elect", "--preferred", "--all"),
    corral("elect", "--preferred", "orders:0", "orders:1"),
    corral("elect", "--unclean", "nowhere:0"),
  ]);
  expect(all.code).toBe(0);
  expect(one).toEqual({ code: 0, stdout: "orders:0 leads already\norders:1 leads already\n", stderr: "" });
  expect(absent.code).toBe(3);
});

test("reassign makes a plan, executes, shows, verifies and undoes it, by the files of Kafka's tool", async () => {
  const [plan, back] = [path.join(directory, "plan.json"), path.join(directory, "back.json")];
  const made = await corral("reassign", "plan", "orders", "--brokers", "1,2", "--rollback", back);
  expect(made.code).toBe(0);
  expect(made.stderr).toMatch(/^corral: \d partitions? to change, 2 replicas to move\n$/);
  const wanted = JSON.parse(made.stdout) as { version: number; partitions: { replicas: number[] }[] };
  expect(wanted.version).toBe(1);
  expect(new Set(wanted.partitions.flatMap(({ replicas }) => replicas))).toEqual(new Set([1, 2]));
  await writeFile(plan, made.stdout);
  const before = await corral("reassign", "verify", plan);
  expect(before).toMatchObject({
    code: 1,
    stdout: expect.stringMatching(/^orders:\d different: on [123],3, not [12],[12]$/m),
  });
  const watching = start(["reassign", "list", "--watch", "--json"]);
  await watching.says("synced");
  expect((await corral("reassign", "execute", plan, "--wait")).code).toBe(0);
  watching.child.kill("SIGINT");
  expect((await watching.ended).code).toBe(0);
  const verified = await corral("reassign", "verify", plan);
  expect([verified.code, verified.stdout]).toEqual([0, expect.stringMatching(/^(orders:\d complete\n)+$/)]);
  const undone = start(["reassign", "execute", "-", "--wait"], {}, await readFile(back, "utf8"));
  expect((await undone.ended).code).toBe(0);
  expect((await json("partitions", "orders")).map(({ replicas }) => replicas)).toEqual([
    [1, 2],
    [2, 3],
    [3, 1],
  ]);
});

test("what moves is throttled on all brokers, as settings that all can see, until that is taken away", async () => {
  const rate = async (): Promise<unknown[]> =>
    (await json("configs", "describe", "--broker", "2")).map(({ name, value }) => [name, value]);
  expect((await corral("reassign", "throttle", "1000")).stdout).toBe("1000 bytes a second\n");
  expect(await rate()).toEqual([
    ["follower.replication.throttled.rate", "1000"],
    ["leader.replication.throttled.rate", "1000"],
  ]);
  expect((await corral("reassign", "throttle", "none")).stdout).toBe("no throttle\n");
  expect(await rate()).toEqual([]);
  expect((await corral("reassign", "throttle", "0")).code).toBe(2);
});

test("a plan for brokers that are not there, or too few, is refused in words that say so", async () => {
  const plan = (...args: string[]) => corral("reassign", "plan", ...args);
  const [absent, few, twice] = await Promise.all([
    plan("orders", "--brokers", "1,2,9"),
    plan("orders", "--brokers", "1", "--json"),
    plan("orders", "--brokers", "1,2,2"),
  ]);
  expect(absent).toMatchObject({ code: 3, stderr: expect.stringContaining("broker 9 is not registered") });
  const message = "--brokers names 1, and partitions of topic orders have 2 replicas";
  expect(jsonLines(few.stderr)).toMatchObject([{ error: { code: "USAGE", exitCode: 2, message } }]);
  // What the package itself refuses before it asks anybody.
  expect([twice.code, twice.stdout]).toEqual([2, ""]);
});

test("of several partitions, each that is refused is named; so it is with --json, notes included", async () => {
  const [text, json_, note] = await Promise.all([
    corral("reassign", "cancel", "orders:0", "orders:2"),
    corral("elect", "--preferred", "orders:0", "orders:7", "--json"),
    corral("reassign", "plan", "orders", "--brokers", "1,2,3", "--json"),
  ]);
  expect(text.code).toBe(1);
  for (const name of ["orders:0", "orders:2"])
    expect(text.stderr).toMatch(new RegExp(`^corral: ${name}: .*NO_REASS`, "m"));
  expect(jsonLines(json_.stdout)).toEqual([{ topic: "orders", partition: 0, elected: false }]);
  expect(jsonLines(json_.stderr)).toMatchObject([
    { error: { code: "UNKNOWN_TOPIC_OR_PARTITION", exitCode: 3, message: expect.stringMatching(/^orders:7: /) } },
  ]);
  expect(jsonLines(note.stderr)).toEqual([{ note: "0 partitions to change, 0 replicas to move" }]);
});

test("where no broker is registered nothing is shown as well, and what is asked times out with the reason", async () => {
  const gone = await startBrokers(at.url, "gone", [1]);
  const on = ["--cluster", "gone"];
  try {
    await corral("topics", "create", "orders", ...on);
  } finally {
    await stopBrokers(gone);
  }
  const [unavailable, asked] = await Promise.all([
    corral("partitions", "--unavailable", ...on),
    corral("topics", "create", "more", "--timeout", "500ms", ...on),
  ]);
  expect(unavailable.stdout).toMatch(/^orders +0 .*unavailable,under-min-isr,under-replicated$/m);
  expect(asked).toMatchObject({ code: 7, stderr: expect.stringContaining("no broker of gone is registered") });
  await brokers[0]!.client.delete("/clusters/gone", { recursive: true });
});

describe("configs", () => {
  const alter = (...args: string[]) => corral("configs", "alter", ...args);

  test("are set and shown with where they come from: of topics, brokers, users and clients", async () => {
    await Promise.all([
      alter("--topic", "orders", "--set", "min.insync.replicas=2"),
      alter("--broker-defaults", "--set", "min.insync.replicas=3", "--set", "num.partitions=4"),
      start(["configs", "alter", "--user", "alice", "--client-defaults", "--set", "producer_byte_rate=1000"], {
        USER: "carol",
      }).ended,
    ]);
    const [short, all, list] = await Promise.all([
      corral("configs", "describe", "--topic", "orders"),
      json("configs", "describe", "--topic", "orders", "--all"),
      corral("configs", "list"),
    ]);
    expect(short.stdout).toBe("NAME                 VALUE\nmin.insync.replicas  2\n");
    expect(all.find(({ name }) => name === "min.insync.replicas")).toMatchObject({
      value: "2",
      source: "DYNAMIC_TOPIC_CONFIG",
      synonyms: [
        { value: "2" },
        { value: "3", source: "DYNAMIC_DEFAULT_BROKER_CONFIG" },
        { value: "1", source: "DEFAULT_CONFIG" },
      ],
    });
    expect(list.stdout).toMatch(/^brokers\/<default> +2 +corral +\d{4}-\S+Z +0$/m);
    expect(list.stdout).toMatch(/^users\/alice\/clients\/<default> +1 +corral carol +\S+ +0$/m);
    const deleted = () => alter("--topic", "orders", "--delete", "min.insync.replicas");
    expect((await deleted()).stdout).toBe("changed topics/orders\n");
    expect((await deleted()).stdout).toBe("topics/orders is so already\n");
  });

  test("that cannot be are refused, and change nothing", async () => {
    const [wrong, near, version, topic] = await Promise.all([
      alter("--topic", "orders", "--set", "min.insync.replicas=0"),
      alter("--topic", "orders", "--set", "min.insync.replica=2"),
      alter("--broker", "1", "--set", "min.insync.replicas=2", "--if-version", "4"),
      alter("--topic", "nothing", "--set", "min.insync.replicas=2"),
    ]);
    expect(wrong.stderr).toContain("'min.insync.replicas' is 0, less than 1");
    expect(near).toMatchObject({ code: 2, stderr: expect.stringContaining("(did you mean min.insync.replicas?)") });
    expect(version.stderr).toContain("brokers 1 has version none, not 4");
    expect([wrong.code, version.code, topic.code]).toEqual([2, 4, 3]);
    expect(await json("configs", "describe", "--broker", "1")).toEqual([]);
  });
});

test("--watch goes on until Ctrl-C and tells each row that comes and goes; no session is left behind", async () => {
  const sessions = at.server.figures.sessions;
  const partitions = start(["partitions", "--watch", "--json"]);
  const topics = start(["topics", "list", "-w"]);
  await Promise.all([partitions.says("synced"), topics.says("synced")]);
  await corral("topics", "create", "seen", "--partitions", "1");
  await Promise.all([partitions.says('"created"'), topics.says("created seen")]);
  await corral("topics", "delete", "seen");
  await Promise.all([partitions.says('"deleted"'), topics.says("deleted seen")]);
  partitions.child.kill("SIGINT");
  topics.child.kill("SIGTERM");
  const [first, second] = await Promise.all([partitions.ended, topics.ended]);
  expect([first.code, second.code, first.stderr, second.stderr]).toEqual([0, 0, "", ""]);
  const told = jsonLines(first.stdout).map(({ kind, topic }) => `${String(kind)} ${String(topic)}`);
  expect(told.slice(0, 4)).toEqual(["entry orders", "entry orders", "entry orders", "synced undefined"]);
  expect(told.slice(4).filter((one) => !one.endsWith("seen"))).toEqual([]);
  expect(at.server.figures.sessions).toBe(sessions);
});

test("a session that an operator ends while rows are watched is 8", async () => {
  const ids = (): number[] => [...at.server.state.sessions.values()].map(({ id }) => id);
  const before = ids();
  const { ended, says } = start(["brokers", "list", "--watch", "--json"]);
  await says("synced");
  const own = ids().filter((id) => !before.includes(id));
  expect(own).toHaveLength(1);
  expect(at.server.expireSession(own[0]!)).toBe(true);
  expect(await ended).toMatchObject({ code: 8, stderr: expect.stringContaining("SESSION_EXPIRED") });
});
