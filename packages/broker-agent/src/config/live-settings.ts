/**
 * The settings as a host reads them: by type, from the image, and told when they change.
 *
 * A value that is against the rules of its setting, or a password that cannot be opened, does not count: what stands below it does. So a host is
 * never given what it cannot use; `describeConfig` shows what was passed over.
 */
import type { ClusterImage } from "../image/cluster-image.ts";
import type { Delta } from "../image/views.ts";
import { ALL_BROKERS, entityName } from "./entity.ts";
import { type Candidate, candidates, levelsOf, type SettingPlace, type StaticSettings } from "./resolve.ts";
import { contextOf, openSecret, type Sealer } from "./secret.ts";
import type { SettingSchema, SettingSpec } from "./spec.ts";
import { parseValue, type ValueOf } from "./value.ts";

/** Watches of one host. */
export const SETTING_WATCHES_MAX = 1_000_000;

export interface LiveSettingsOptions<S extends SettingSchema> {
  /** Of the package and the host: `mergeSchema`. */
  readonly schema: S;
  /** Whose settings: its values go before those of all brokers. */
  readonly broker?: number | undefined;
  /** What the host was started with. */
  readonly statics?: StaticSettings | undefined;
  /** Opens passwords. */
  readonly sealer?: Sealer | undefined;
  /** What a listener threw. The others are told all the same. */
  readonly onError: (error: unknown, where: string) => void;
}

export interface SettingChange<V> {
  readonly before: V;
  readonly now: V;
  /** Of the transaction; after a gap, of the one up to which everything is in. */
  readonly zxid: number;
}

/** Of a topic, or of one listener. */
export type SettingScope = Pick<SettingPlace, "topic" | "listener">;

interface Watching {
  readonly name: string;
  readonly at: SettingScope;
  told: string;
  readonly tell: (before: string, now: string, zxid: number) => void;
}

export class LiveSettings<S extends SettingSchema> {
  readonly #image: ClusterImage;
  readonly #options: LiveSettingsOptions<S>;
  /** By `<type>/<entity>`: who has to look again when that changes. */
  readonly #watching = new Map<string, Set<Watching>>();
  #watches = 0;
  readonly #stop: () => void;

  constructor(image: ClusterImage, options: LiveSettingsOptions<S>) {
    this.#image = image;
    this.#options = options;
    this.#stop = image.on((delta) => {
      this.#notice(delta);
    });
  }

  /** What counts now. RangeError for a setting that is not in the schema. */
  get<N extends keyof S & string>(name: N, at: SettingScope = {}): ValueOf<S[N]["type"]> {
    return parseValue(this.#spec(name), this.#text(name, at)) as ValueOf<S[N]["type"]>;
  }

  /**
   * Called with each change of what counts, in the turn in which the image has it, in the order of transactions. Each change tells where the one
   * before ended. What came and went while nobody could be told is left out; that something is otherwise afterwards never is. The function
   * returned ends it.
   */
  watch<N extends keyof S & string>(
    name: N,
    at: SettingScope,
    listener: (change: SettingChange<ValueOf<S[N]["type"]>>) => void,
  ): () => void {
    if (this.#watches >= SETTING_WATCHES_MAX) {
      throw new RangeError(`settings: more than ${SETTING_WATCHES_MAX} watches, at '${name}'`);
    }
    const spec = this.#spec(name);
    const valueOf = (text: string): ValueOf<S[N]["type"]> => parseValue(spec, text) as ValueOf<S[N]["type"]>;
    const watching: Watching = {
      name,
      at,
      told: this.#text(name, at),
      tell: (before, now, zxid) => {
        listener({ before: valueOf(before), now: valueOf(now), zxid });
      },
    };
    const keys = levelsOf(spec, this.#place(at)).map(({ entity }) => `${entity.type}/${entityName(entity)}`);
    for (const key of keys) this.#watching.set(key, (this.#watching.get(key) ?? new Set()).add(watching));
    this.#watches += 1;
    return () => {
      this.#end(watching, keys);
    };
  }

  /** Ends all watches. Harmless when repeated. */
  close(): void {
    this.#stop();
    this.#watching.clear();
    this.#watches = 0;
  }

  #end(watching: Watching, keys: readonly string[]): void {
    let isEnded = false;
    for (const key of keys) {
      const others = this.#watching.get(key);
      if (others?.delete(watching) === true) isEnded = true;
      if (others?.size === 0) this.#watching.delete(key);
    }
    if (isEnded) this.#watches -= 1;
  }

  #notice({ configs, zxid }: Delta): void {
    const due = new Set<Watching>();
    for (const { before, now } of configs) {
      const { type, entity } = (now ?? before)!;
      for (const watching of this.#watching.get(`${type}/${entity}`) ?? []) due.add(watching);
    }
    for (const watching of due) {
      // A listener before this one may have ended it.
      if (!this.#isWatched(watching)) continue;
      const [before, now] = [watching.told, this.#text(watching.name, watching.at)];
      if (before === now) continue;
      watching.told = now;
      try {
        watching.tell(before, now, zxid);
      } catch (error) {
        this.#options.onError(error, `watch of setting ${watching.name}`);
      }
    }
  }

  /** Every watch stands at least with all brokers. */
  #isWatched(watching: Watching): boolean {
    return this.#watching.get(`brokers/${entityName(ALL_BROKERS)}`)?.has(watching) ?? false;
  }

  #place(at: SettingScope): SettingPlace {
    return { ...at, broker: this.#options.broker };
  }

  #spec(name: string): SettingSpec {
    const { schema } = this.#options;
    const spec = Object.hasOwn(schema, name) ? schema[name] : undefined;
    if (spec === undefined) throw new RangeError(`settings: there is no setting '${name}'`);
    return spec;
  }

  /** The text that counts, passwords opened. */
  #text(name: string, at: SettingScope): string {
    const spec = this.#spec(name);
    for (const candidate of candidates(this.#image, { name, spec }, this.#place(at), this.#options.statics)) {
      const text = candidate.fault === undefined ? this.#opened(spec, candidate) : undefined;
      if (text !== undefined) return text;
    }
    return spec.default;
  }

  #opened({ type }: SettingSpec, { entity, key, text }: Candidate): string | undefined {
    if (type !== "password" || entity === undefined) return text;
    try {
      return openSecret(text, this.#options.sealer, contextOf(entity, key));
    } catch (error) {
      this.#options.onError(error, `opening ${contextOf(entity, key)}`);
      return undefined;
    }
  }
}
