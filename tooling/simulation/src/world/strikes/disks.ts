/** Faults of the disk: full, failing, slow, rotten; and what it lies about. */
import { diskError, type WriteLie } from "@corral/log/testing";
import { between, type Draw, type Host, oneOf } from "@corral/testing/world";
import type { KindOf } from "../faults.ts";
import type { Strike, Strikes } from "./strike.ts";

const SECTOR_BYTES = 512;
const SNAPSHOT = /^snapshot-\d{16}$/;
const LOG_OR_SNAPSHOT = /^(log|snapshot)-\d{16}$/;

export const DISKS: Strikes<KindOf<"disk">> = {
  "disk-full": ({ draw, host, lasting, long }) => {
    const used = host.disk.names().reduce((sum, name) => sum + host.disk.contents(name).length, 0);
    host.disk.capacity = used + between(draw, 0, 60_000);
    lasting(long, () => {
      host.disk.capacity = Number.POSITIVE_INFINITY;
    });
  },
  /** Once; the same operation succeeds when it is tried again. */
  "disk-error": ({ draw, host, lasting, short }) => {
    const wanted = oneOf(draw, ["write", "sync", "syncDirectory", "create", "rename"] as const);
    const end = host.diskFault((operation, name) => {
      if (operation !== wanted) return;
      end();
      throw diskError("EIO", `${operation} ${name}`);
    });
    lasting(short, end);
  },
  "disk-slow": ({ draw, lasting, long, slowDisk }) => {
    const most = oneOf(draw, [5, 50, 700]);
    lasting(
      long,
      slowDisk(() => draw() * most),
    );
  },
  /** One operation. */
  "disk-hang": ({ draw, lasting, long, slowDisk }) => {
    const ms = between(draw, 1_000, 10_000);
    const end = slowDisk(() => {
      end();
      return ms;
    });
    lasting(long, end);
  },
  "damaged-snapshot": ({ draw, host, plan, rotten, sometimes }) => {
    const names = host.disk.names().filter((name) => SNAPSHOT.test(name));
    // One of those kept has to be sound: another must not rot while the former rotten one is among them.
    if (plan.snapshotsKept < 2 || names.length < 2 || names.some((name) => rotten.has(name))) return;
    const newest = names.sort().at(-1)!;
    rotten.add(newest);
    flip(host, newest, draw);
    sometimes("the newest snapshot was damaged at rest");
  },
};

/** A bit of what has been written, anywhere in it. */
function flip(host: Host, name: string, draw: Draw): void {
  const bytes = host.disk.contents(name);
  let end = bytes.length;
  while (end > 1 && bytes[end - 1] === 0) end--;
  host.disk.flip(name, Math.floor(draw() * end), 1 << between(draw, 0, 7));
}

/** With the lie the power goes, or the process, so that it is met. */
function fallSoon({ draw, fate, restart }: Strike, withinMs: number, how: readonly ("power" | "process")[]): void {
  const downMs = between(draw, 0, 400);
  const of = oneOf(draw, how);
  fate.after(draw() * withinMs, "timer", () => restart(of, downMs));
}

/** At the next write to a log or a snapshot, once. */
function lieOnce(strike: Strike, lieAbout: (name: string, position: number, length: number) => WriteLie): void {
  const { host, lasting, liar, long, sometimes } = strike;
  host.disk.writeLie = (name, position, length) => {
    if (!LOG_OR_SNAPSHOT.test(name.replace(/\.tmp$/, "")) || length === 0) return undefined;
    host.disk.writeLie = undefined;
    liar.lied();
    sometimes("the disk lied about a write");
    fallSoon(strike, 2_000, ["power", "process"]);
    return lieAbout(name, position, length);
  };
  lasting(long, () => {
    host.disk.writeLie = undefined;
  });
}

export const LIES: Strikes<KindOf<"lie">> = {
  "lying-sync": (strike) => {
    const { draw, host, lasting, liar } = strike;
    const ms = between(draw, 200, 6_000);
    host.disk.isLyingAboutSync = true;
    liar.begin();
    lasting(ms, () => {
      host.disk.isLyingAboutSync = false;
      liar.end();
    });
    if (draw() < 0.8) fallSoon(strike, ms, ["power"]);
  },
  "misdirected-write": (strike) => {
    const { draw, host } = strike;
    lieOnce(strike, (name, position, length) => {
      const others = host.disk.names().filter((other) => LOG_OR_SNAPSHOT.test(other) && other !== name);
      const into = draw() < 0.6 || others.length === 0 ? name : oneOf(draw, others);
      const places = Math.floor(Math.max(0, host.disk.contents(into).length - length) / SECTOR_BYTES);
      const place = between(draw, 0, places) * SECTOR_BYTES;
      return { kind: "elsewhere", name: into, position: into === name && place === position ? place + 8 : place };
    });
  },
  "stale-sector": (strike) =>
    lieOnce(strike, (_name, position, length) => {
      const at = Math.floor(strike.draw() * length);
      const from = Math.max(0, at - ((position + at) % SECTOR_BYTES));
      return { kind: "stale", from, to: Math.min(length, at + SECTOR_BYTES - ((position + at) % SECTOR_BYTES)) };
    }),
  "flipped-bit": (strike) => {
    const { draw, host, liar, sometimes } = strike;
    const names = host.disk.names().filter((name) => LOG_OR_SNAPSHOT.test(name));
    if (names.length === 0) return;
    liar.lied();
    sometimes("a bit flipped at rest");
    flip(host, oneOf(draw, names), draw);
    if (draw() < 0.8) fallSoon(strike, 2_000, ["power", "process"]);
  },
};
