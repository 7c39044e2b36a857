/**
 * Who this client is to a server, and what it has seen: the session it has, had, or is to take over, its credentials, and the
 * history behind which no server may be. Makes Hello, and takes in what Welcome says.
 */
import { PROTOCOL_VERSION, type Credential, type Hello, type SessionWish, type Welcome } from "@corral/protocol";
import { RESUME_XID_GAP } from "../limits.ts";
import type { DetachedSession, Settings } from "../options.ts";
import type { Instant } from "../world.ts";
import { Credentials } from "./credentials.ts";
import { Session } from "./session.ts";

const SECRET_BYTES = 32;

export class Identity {
  readonly credentials: Credentials;
  readonly #settings: Settings;
  #session: Session | undefined;
  /** A session that ended by our own deadline; the next one replaces it at the server. */
  #former: Session | undefined;
  /** Of another client, not yet taken over. */
  #inherited: DetachedSession | undefined;
  /** What the attempt under way asks for. */
  #wish: SessionWish | undefined;
  #clusterId: string | null;
  #lastZxid: number;
  /** Has it ever been a client of any cluster? Until then every zxid that it is given is one of the cluster to come. */
  #hasHistory: boolean;
  /** Sessions so far. */
  #ordinal = 0;

  constructor(settings: Settings) {
    this.#settings = settings;
    this.credentials = new Credentials(settings.credentialCount);
    this.#inherited = settings.resume;
    this.#clusterId = settings.resume?.clusterId ?? null;
    this.#lastZxid = settings.resume?.lastZxid ?? 0;
    this.#hasHistory = settings.resume !== undefined;
  }

  get session(): Session | undefined {
    return this.#session;
  }

  /** Of the session that is there or is to be taken over. */
  get sessionId(): number | undefined {
    return this.#session?.id ?? this.#inherited?.id;
  }

  get sessions(): number {
    return this.#ordinal;
  }

  /** Request numbers go on after this one. */
  get firstXidAfter(): number {
    return this.#inherited === undefined ? 0 : this.#inherited.acked + RESUME_XID_GAP;
  }

  saw(zxid: number): void {
    if (zxid > this.#lastZxid) this.#lastZxid = zxid;
  }

  /** The cluster was restored or replaced, and every server says so: what was seen is no longer true. */
  forgetHistory(): void {
    this.#clusterId = null;
    this.#lastZxid = 0;
  }

  /** `acked`: every reply up to this request number has been received. */
  hello(credentials: readonly Credential[], acked: number): Hello {
    this.#wish = this.#makeWish(acked);
    return {
      versionMin: PROTOCOL_VERSION,
      versionMax: PROTOCOL_VERSION,
      clusterId: this.#clusterId,
      lastZxid: this.#lastZxid,
      timeoutMs: Math.round(this.#settings.sessionTimeoutMs),
      credentials: this.credentials.forHello(credentials),
      session: this.#wish,
    };
  }

  #makeWish(acked: number): SessionWish {
    if (this.#session !== undefined)
      return { kind: "resume", id: this.#session.id, secret: this.#session.secret, acked };
    const inherited = this.#inherited;
    if (inherited !== undefined)
      return { kind: "resume", id: inherited.id, secret: inherited.secret, acked: inherited.acked };
    const secret = this.#settings.random(SECRET_BYTES);
    if (this.#former === undefined) return { kind: "new", secret };
    return { kind: "replace", oldId: this.#former.id, oldSecret: this.#former.secret, secret };
  }

  /** `resumed`: the session was there before. `historyKept`: zxids seen before still mean the same. */
  welcomed(welcome: Welcome, helloSentAt: Instant): { readonly resumed: boolean; readonly historyKept: boolean } {
    const { secret, kind } = this.#wish!;
    const historyKept = !this.#hasHistory || this.#clusterId === welcome.clusterId;
    this.#clusterId = welcome.clusterId;
    this.#hasHistory = true;
    this.saw(welcome.zxid);
    if (this.#session === undefined) {
      const facts = { id: welcome.sessionId, secret, timeoutMs: welcome.timeoutMs, ordinal: ++this.#ordinal };
      this.#session = new Session(facts, helloSentAt, this.#settings.clock);
      this.#former = this.#inherited = undefined;
    } else {
      this.#session.timeoutMs = welcome.timeoutMs;
      this.#session.provenAlive(helloSentAt);
    }
    return { resumed: kind === "resume", historyKept };
  }

  /** The session is over. One that a server may still keep is closed with the opening of the next. */
  sessionOver(mayStillLive: boolean): void {
    this.#former = mayStillLive ? this.#session : undefined;
    this.#session = this.#inherited = undefined;
  }

  /** For another client to go on with; undefined when there is no session. */
  bequeath(acked: number): DetachedSession | undefined {
    if (this.#session === undefined || this.#clusterId === null) return undefined;
    const { id, secret } = this.#session;
    return { id, secret, acked, lastZxid: this.#lastZxid, clusterId: this.#clusterId };
  }
}
