# For scripts that work through a config, to be sourced: builds the executables and makes the config's graph where it is
# missing. Sets config, bin, pairs.
# Needs: job, who speaks in messages. Environment: CONFIG (default configs/demo.yaml), PAIRS, PINSAGE_DATA.
config=${CONFIG:-configs/demo.yaml}
[ -f "$config" ] || {
    echo "$job: $config: no config: expected a config file, found none. Choose one of $(echo configs/*.yaml)." >&2
    exit 1
}
sh scripts/bootstrap.sh
swift build -c release --product pinsage >&2
swift build -c release --product pinsage-trainer >&2
swift build -c release --product pinsage-sampler >&2
bin=$(swift build -c release --show-bin-path)

# A config may say, in comments at its top, how its graph is made and which pairs it is judged by:
#   # make-graph: pinsage generate --out data/demo --pairs data/demo-pairs.tsv
#   # pairs: data/demo-pairs.tsv
field() { sed -n "s/^# $1: //p" "$config" | head -n 1; }
expand() { eval "printf '%s' \"$1\""; }
recipe=$(field make-graph)
pairs=$(field pairs)
case "$recipe$pairs" in
*PINSAGE_DATA*)
    [ -n "${PINSAGE_DATA:-}" ] || {
        echo "$job: $config: no data: expected PINSAGE_DATA, found it unset. Set it to the folder of the data sets." >&2
        exit 1
    }
    ;;
esac
graph=$(sed -n 's/^graph: *//p' "$config" | sed 's/ *#.*//' | head -n 1)
if [ -n "$recipe" ] && [ ! -f "$graph/manifest.json" ]; then
    recipe=$(expand "$recipe")
    echo "$job: $recipe" >&2
    # shellcheck disable=SC2086 # the recipe is a command line
    "$bin"/$recipe
fi
pairs=${PAIRS:-$(expand "$pairs")}
