import { texts } from "../i18n/index.ts";
import { fullTime, secondTime } from "../i18n/time.ts";
import { ranges, type Colours, type Move } from "../model/cluster.ts";

interface MovesProps {
  moves: readonly Move[];
  colours: Colours;
}

/** Which shards went where, the newest first. */
export function Moves({ moves, colours }: MovesProps) {
  const t = texts.value.cluster;
  return (
    <section aria-labelledby="moves-title">
      <h3 id="moves-title">{t.moves}</h3>
      {moves.length === 0 && <p class="muted moves-none">{t.noMoves}</p>}
      <ol class="moves" data-testid="moves">
        {moves.map((move) => (
          <li key={`${move.at} ${move.from} ${move.to}`} data-testid="move" data-from={move.from} data-to={move.to}>
            <MoveTime at={move.at} />
            <span class="move-ends">
              <End name={move.from} colours={colours} />
              <span class="move-arrow" aria-hidden="true">→</span><span class="visually-hidden"> {t.to} </span>
              <End name={move.to} colours={colours} />
            </span>
            <span class="move-shards" title={t.moved(move.shards.length)}>{ranges(move.shards)}</span>
          </li>
        ))}
      </ol>
    </section>
  );
}

function MoveTime({ at }: { at: number }) {
  if (Number.isNaN(at)) return <span />;
  return <time dateTime={new Date(at).toISOString()} title={fullTime(at)}>{secondTime(at)}</time>;
}

function End({ name, colours }: { name: string; colours: Colours }) {
  if (name === "") return <span class="muted">{texts.value.cluster.nobody}</span>;
  return <span class="move-end"><i class="swatch" data-colour={colours.of(name)} aria-hidden="true" />{name}</span>;
}
