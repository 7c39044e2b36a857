/** What the file log met and survived, for the daemon's own log and metrics. Nothing here stops it. */
export type LogWarning =
  /** Bytes after the last record, never acknowledged, were cut off; `keptAs` is a copy of them, if there was room. */
  | {
      readonly kind: "torn-tail";
      readonly file: string;
      readonly offset: number;
      readonly bytes: number;
      readonly afterSeq: number;
      readonly keptAs: string | undefined;
    }
  /** A stored snapshot was not used; an older one, or the whole log, serves instead. */
  | { readonly kind: "snapshot-skipped"; readonly file: string; readonly reason: string }
  /** Damage was found in a part of the log that the newest snapshot makes unnecessary. */
  | { readonly kind: "damage-covered"; readonly reason: string }
  /** A background step failed (next segment, reserve, removal of old files); it is tried again. */
  | { readonly kind: "background"; readonly step: string; readonly error: unknown };
