import { describe, expect, test } from "vitest";
import { World, create, del, multi, set, text } from "./world.ts";

const QUOTA = "/zookeeper/quota";

class Quoted {
  readonly world = new World();
  readonly session: number = this.world.open();

  limit(path: string, limits: string): void {
    this.world.do(this.session, create(`${QUOTA}${path}/zookeeper_limits`, 0, { flags: 1, data: text(limits) }));
    this.world.do(this.session, create(`${QUOTA}${path}/zookeeper_stats`, 0, { data: text("anything") }));
  }

  usage(path: string): string {
    const { tree } = this.world.state;
    return Buffer.from(tree.data(tree.find(`${QUOTA}${path}/zookeeper_stats`))!).toString();
  }

  do(...args: Parameters<World["do"]> extends [number, ...infer Rest] ? Rest : never) {
    return this.world.do(this.session, ...args);
  }

  restart(): void {
    this.world.restart();
  }
}

describe("a quota", () => {
  test("counts the znodes and bytes at and below its path, from what is there already", () => {
    const q = new Quoted();
    q.do(create("/a", 0, { data: text("123") }));
    q.do(create("/a/b"));
    q.limit("/a", "count=-1,bytes=-1");
    expect(q.usage("/a")).toBe("count=2,bytes=3");
    q.do(create("/a/c", 0, { data: text("4567") }));
    q.do(set("/a", text("1")));
    q.do(create("/ab", 0, { data: text("not within") }));
    expect(q.usage("/a")).toBe("count=3,bytes=5");
    q.do({ op: 205, path: "/a/c", nodesMax: 5 });
    q.do(set("/a", null));
    expect(q.usage("/a")).toBe("count=2,bytes=0");
  });

  test("refuses by hard limits alone, and only while it is enforced", () => {
    const q = new Quoted();
    q.do(create("/a"));
    q.limit("/a", "count=1,bytes=1=;byteHardLimit=5;countHardLimit=3");
    expect(q.do(create("/a/1", 0, { data: text("12345") })).code).toBe("OK");
    expect(q.do(create("/a/2", 0, { data: text("6") }))).toMatchObject({
      code: "QUOTA_EXCEEDED",
      detail: { path: "/a", name: "byteHardLimit", limit: 5, actual: 6 },
    });
    expect(q.do(create("/a/2")).code).toBe("OK");
    expect(q.do(create("/a/3"))).toMatchObject({
      code: "QUOTA_EXCEEDED",
      detail: { path: "/a", name: "countHardLimit", limit: 3, actual: 4 },
    });
    expect(q.do(set("/a/1", text("123456"))).code).toBe("QUOTA_EXCEEDED");
    expect(q.do(set("/a/1", text("54321"))).code).toBe("OK");
    q.world.options({ quotaEnforced: 0 });
    expect(q.do(create("/a/3")).code).toBe("OK");
    expect(q.usage("/a")).toBe("count=4,bytes=5");
  });

  test("takes note of new limits, and is gone with them", () => {
    const q = new Quoted();
    q.do(create("/a"));
    q.limit("/a", "count=-1,bytes=-1=;countHardLimit=1");
    expect(q.do(create("/a/1")).code).toBe("QUOTA_EXCEEDED");
    q.do(set(`${QUOTA}/a/zookeeper_limits`, text("count=-1,bytes=-1=;countHardLimit=2")));
    expect(q.do(create("/a/1")).code).toBe("OK");
    q.do(set(`${QUOTA}/a/zookeeper_limits`, text("nonsense")));
    expect(q.do(create("/a/2")).code).toBe("OK");
    q.do(del(`${QUOTA}/a/zookeeper_limits`));
    const before = q.usage("/a");
    q.do(create("/a/3"));
    expect(q.usage("/a")).toBe(before);
  });

  test("sees the earlier operations of a multi, and forgets them when it is refused", () => {
    const q = new Quoted();
    q.do(create("/a"));
    q.limit("/a", "count=-1,bytes=-1=;countHardLimit=3");
    expect(q.do(multi(create("/a/1"), create("/a/2"), create("/a/3")))).toMatchObject({
      code: "QUOTA_EXCEEDED",
      detail: { index: 2 },
    });
    expect(q.usage("/a")).toBe("count=1,bytes=0");
    expect(q.do(multi(create("/a/1"), create("/a/2"))).code).toBe("OK");
    expect(q.do(create("/a/3")).code).toBe("QUOTA_EXCEEDED");
  });

  test("that a refused multi set, changed or removed is as it was", () => {
    const q = new Quoted();
    q.do(create("/a"));
    const limits = `${QUOTA}/a/zookeeper_limits`;
    q.do(create(`${QUOTA}/a`));
    const newLimits = create(limits, 0, { data: text("count=-1,bytes=-1=;countHardLimit=1") });
    q.do(multi(newLimits, del("/none")));
    expect(q.do(create("/a/1")).code).toBe("OK");
    q.do(newLimits);
    q.do(multi(set(limits, text("count=-1,bytes=-1")), create("/a/2"), del("/none")));
    expect(q.do(create("/a/2")).code).toBe("QUOTA_EXCEEDED");
    q.do(multi(del(limits), create("/a/2"), del("/none")));
    expect(q.do(create("/a/2"))).toMatchObject({ code: "QUOTA_EXCEEDED", detail: { actual: 3 } });
  });

  test("within another counts for both, whichever was set first, also after a restart", () => {
    for (const order of [
      ["/a", "/a/b"],
      ["/a/b", "/a"],
    ]) {
      const q = new Quoted();
      q.do(create("/a/b/c", 0, { flags: 1, data: text("12") }));
      for (const path of order) q.limit(path, "count=-1,bytes=-1=;countHardLimit=5");
      q.do(create("/a/b/d"));
      expect([q.usage("/a"), q.usage("/a/b")]).toEqual(["count=4,bytes=2", "count=3,bytes=2"]);
      q.restart();
      q.do(create("/a/x"));
      expect([q.usage("/a"), q.usage("/a/b")]).toEqual(["count=5,bytes=2", "count=3,bytes=2"]);
      expect(q.do(create("/a/b/e"))).toMatchObject({ code: "QUOTA_EXCEEDED", detail: { path: "/a" } });
    }
  });

  test("is not kept for the root, nor for what is reserved", () => {
    const q = new Quoted();
    for (const path of ["", "/zookeeper", "/zookeeper/quota"]) q.limit(path, "count=-1,bytes=-1=;countHardLimit=0");
    expect(q.do(create("/a")).code).toBe("OK");
    expect(q.do(create("/zookeeper/x")).code).toBe("OK");
    expect(q.usage("/zookeeper")).toBe("anything");
  });
});
