import { texts } from "../i18n/index.ts";
import type { Cluster, Colours } from "../model/cluster.ts";

/** From so many shards on, cells are too small for numbers. */
const many = 257;

interface ShardMapProps {
  cluster: Cluster;
  /** Of each shard the id of its owner. */
  owners: readonly (string | undefined)[];
  moved: ReadonlySet<number>;
  colours: Colours;
  chosen: string | undefined;
}

/** All shards in the colours of their owners. The table of nodes says the same in words. */
export function ShardMap({ cluster, owners, moved, colours, chosen }: ShardMapProps) {
  const t = texts.value.cluster;
  const names = new Map(cluster.members.map(({ id, name }) => [id, name]));
  const shares = cluster.members.map(({ id, name }) => `${name} ${owners.filter((owner) => owner === id).length}`);
  const unowned = owners.filter((owner) => owner === undefined).length;
  if (unowned > 0) shares.push(`${t.unowned} ${unowned}`);
  const small = owners.length >= many;
  return (
    <section aria-labelledby="shard-map-title">
      <h3 id="shard-map-title">{t.map}</h3>
      <div class="shard-map" data-small={small} role="img" aria-label={t.mapLabel(shares.join(", "))} data-testid="shard-map">
        {owners.map((owner, shard) => {
          const name = owner === undefined ? undefined : (names.get(owner) ?? owner);
          return (
            <i key={shard} class="shard" title={t.shard(shard, name ?? t.nobody)} data-testid="shard" data-shard={shard} data-owner={name}
              data-colour={name === undefined ? undefined : colours.of(name)} data-moved={moved.has(shard)}
              data-faint={chosen !== undefined && owner !== chosen}>
              {small ? null : shard}
            </i>
          );
        })}
      </div>
    </section>
  );
}
