import { useEffect, useMemo, useState } from "preact/hooks";
import { texts } from "../i18n/index.ts";
import { count, secondTime } from "../i18n/time.ts";
import { app } from "../model/app.ts";
import { Colours, type Cluster } from "../model/cluster.ts";
import { ClusterWatch } from "../model/cluster-watch.ts";
import { HttpError } from "../model/session.ts";
import { Members } from "./members.tsx";
import { Moves } from "./moves.tsx";
import { ShardMap } from "./shard-map.tsx";

/** Who is in the cluster and who owns what, live. */
export function ClusterPage() {
  const watch = useMemo(() => new ClusterWatch({ node: () => app.node }), []);
  const colours = useMemo(() => new Colours(), []);
  const [chosen, choose] = useState<string | undefined>(undefined);
  useEffect(() => {
    watch.start();
    return () => watch.stop();
  }, [watch]);
  const t = texts.value.cluster;
  const cluster = watch.cluster.value;
  const owners = watch.owners.value;
  for (const { name } of cluster?.members ?? []) colours.of(name);
  const picked = cluster?.members.some((member) => member.id === chosen) ? chosen : undefined;
  return (
    <div class="cluster" data-testid="cluster" data-stale={watch.error.value !== undefined} aria-busy={cluster === undefined}>
      <header class="cluster-head">
        <h2>{t.title}</h2>
        <Freshness watch={watch} />
      </header>
      {cluster && (
        <>
          <Facts cluster={cluster} unowned={owners.filter((owner) => owner === undefined).length} />
          <Members cluster={cluster} colours={colours} chosen={picked} choose={choose} />
          <div class="cluster-parts">
            <ShardMap cluster={cluster} owners={owners} moved={watch.moved.value} colours={colours} chosen={picked} />
            <Moves moves={cluster.moves} colours={colours} />
          </div>
        </>
      )}
    </div>
  );
}

/** Says nothing while all is well, and otherwise how old what is shown is, and why. */
function Freshness({ watch }: { watch: ClusterWatch }) {
  const t = texts.value.cluster;
  const error = watch.error.value;
  const connected = app.inbox.value?.state.value.name === "live";
  if (!error && connected) return watch.cluster.value ? null : <p class="muted" role="status">{t.loading}</p>;
  const why = error && connected ? reason(error) : t.noConnection;
  return (
    <p class="cluster-stale" role="status" data-testid="cluster-error">
      {why}{watch.at.value > 0 && <span class="muted"> · {t.asOf(secondTime(watch.at.value))}</span>}
    </p>
  );
}

function reason(error: Error): string {
  const t = texts.value.cluster;
  return error instanceof HttpError && error.status === 403 ? t.forbidden : t.failed(error.message);
}

function Facts({ cluster, unowned }: { cluster: Cluster; unowned: number }) {
  const t = texts.value.cluster;
  const { members } = cluster;
  const sum = (of: (member: Cluster["members"][number]) => number) => members.reduce((all, member) => all + of(member), 0);
  const facts: [string, string, number, boolean?][] = [
    ["nodes", t.nodes, members.length],
    ["shards", t.shards, cluster.shards],
    ["unowned", t.unowned, unowned, unowned > 0],
    ["sessions", t.sessions, sum((m) => m.sessions)],
    ["lag", t.lag, sum((m) => m.lag)],
    ["generation", t.generation, cluster.generation],
  ];
  return (
    <>
      {/* Its text changes only when something happens, so a screen reader may read it out. */}
      <p class="visually-hidden" role="status">{t.summary(members.length, members.filter((m) => !m.reachable).length, unowned)}</p>
      <dl class="cluster-facts">
        {facts.map(([name, label, value, bad]) => (
          <div key={name} data-testid={`cluster-${name}`} data-value={value} data-bad={bad}><dt>{label}</dt><dd>{count(value)}</dd></div>
        ))}
      </dl>
    </>
  );
}
