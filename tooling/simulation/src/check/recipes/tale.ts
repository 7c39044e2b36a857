/**
 * What the log says of the znodes of recipes: each life of each, with its data, and how it ended. Made by the model, so that
 * neither the server nor a recipe is believed.
 */
import { DEFAULT_OPTIONS } from "@corral/state-machine";
import { type Entry, Model, type Step } from "../../model/model.ts";
import { above, isIn, nameIn } from "../../model/tree.ts";

export interface ZnodeLife {
  readonly path: string;
  readonly parent: string;
  readonly name: string;
  readonly czxid: number;
  readonly owner: number;
  /** It is there up to, and not at, this zxid; Infinity: to the end. */
  to: number;
  /** `session`: in the transaction that ended its owner's. */
  endedBy: "session" | "delete" | undefined;
  /** The first is what it was made with. */
  readonly data: { readonly at: number; readonly text: string }[];
}

export class Tale {
  readonly lastZxid: number;
  readonly #lives = new Map<string, ZnodeLife[]>();
  readonly #children = new Map<string, ZnodeLife[]>();

  /** Of what is below `root`. */
  constructor(entries: readonly Entry[], root: string) {
    const model = new Model(DEFAULT_OPTIONS);
    for (const entry of entries) {
      const step = model.apply(entry);
      for (const change of step.changes) if (isIn(root, change.path)) this.#learn(change, step);
    }
    this.lastZxid = model.zxid;
  }

  #learn({ type, path, node }: Step["changes"][number], { entry: { zxid }, closed }: Step): void {
    const life = this.#lives.get(path)?.at(-1);
    if (type === "created") {
      const born: ZnodeLife = {
        path,
        parent: above(path),
        name: nameIn(path),
        czxid: node.czxid,
        owner: node.owner,
        to: Number.POSITIVE_INFINITY,
        endedBy: undefined,
        data: [{ at: zxid, text: textOf(node.data) }],
      };
      append(this.#lives, path, born);
      append(this.#children, born.parent, born);
    } else if (type === "deleted" && life !== undefined) {
      life.to = zxid;
      life.endedBy = node.owner !== 0 && closed === node.owner ? "session" : "delete";
    } else if (type === "changed" && life !== undefined) {
      life.data.push({ at: zxid, text: textOf(node.data) });
    }
  }

  /** In the order of their creation. */
  livesOf(path: string): readonly ZnodeLife[] {
    return this.#lives.get(path) ?? [];
  }

  /** All that were ever below it, directly, in the order of their creation. */
  childrenOf(parent: string): readonly ZnodeLife[] {
    return this.#children.get(parent) ?? [];
  }

  /** Paths of all that ever were. */
  get paths(): IterableIterator<string> {
    return this.#lives.keys();
  }

  life(path: string, czxid: number): ZnodeLife | undefined {
    return this.livesOf(path).find((life) => life.czxid === czxid);
  }

  /** What was there at this zxid. */
  at(path: string, zxid: number): ZnodeLife | undefined {
    return this.livesOf(path).find((life) => isThere(life, zxid));
  }
}

export const isThere = ({ czxid, to }: ZnodeLife, zxid: number): boolean => czxid <= zxid && zxid < to;

/** Its data at that zxid, at which it was there. */
export const dataAt = ({ data }: ZnodeLife, zxid: number): string => data.findLast(({ at }) => at <= zxid)?.text ?? "";

/** Of its data, the zxid at which they were made so. */
export const changedAt = ({ data }: ZnodeLife, zxid: number): number => data.findLast(({ at }) => at <= zxid)?.at ?? 0;

const utf8 = new TextDecoder();
const textOf = (data: Uint8Array | null): string => (data === null ? "" : utf8.decode(data));

function append<K, V>(map: Map<K, V[]>, key: K, value: V): void {
  const list = map.get(key);
  if (list === undefined) map.set(key, [value]);
  else list.push(value);
}
