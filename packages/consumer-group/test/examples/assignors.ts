import { cooperativeSticky, twoPhase } from "@corral/consumer-group";

/** Four partitions, all of them with a; b has come. */
export function example(_client: unknown, _source: unknown, tell: (...what: readonly unknown[]) => void): void {
  const topics = [{ name: "orders", partitions: 4 }];
  const members = [
    { id: "a", topics: ["orders"], owned: { generation: 1, partitions: new Map([["orders", [0, 1, 2, 3]]]) } },
    { id: "b", topics: ["orders"] },
  ];

  const target = cooperativeSticky.assign(members, topics);
  tell(target.get("a")?.get("orders"), target.get("b")?.get("orders")); // [0, 1], [2, 3]

  const now = twoPhase(members, target);
  tell(now.get("a")?.keep.get("orders"), now.get("a")?.revoke.get("orders")); // [0, 1], [2, 3]
  tell(now.get("b")?.wait.get("orders")); // [2, 3]
}
