import Configuration
import GraphStore

/// Walks and neighbourhoods by the definition, one walk at a time: what the fast sampler must equal bit for bit.
///
/// One step is pin → uniformly random board of it → uniformly random pin of that board, which may be the pin itself.
/// After each step the walk returns to where it began with probability `restart`.
/// - Source: Ying et al. 2018, §3.1. Deviation: the paper has no restart.
public struct RandomWalk {
    public let graph: BipartiteGraph
    public let walks: WalkSettings
    public let seed: UInt64

    public init(graph: BipartiteGraph, walks: WalkSettings, seed: UInt64) {
        self.graph = graph
        self.walks = walks
        self.seed = seed
    }

    /// The pins that one walk visits, one a step, the first pin's own visits among them; none when it has no board.
    ///
    /// - Parameter hidden: boards that are not there for this walk.
    public func visits(
        from start: UInt32, walk: Int, window: UInt64, hiding hidden: HiddenBoards = .none
    ) -> [UInt32] {
        guard graph.boardCount(of: start, hiding: hidden) > 0 else { return [] }
        let base = WalkRandomness.base(seed: seed, window: window, pin: start)
        let threshold = WalkRandomness.returnThreshold(restart: walks.restart)
        var pin = start
        var visits: [UInt32] = []
        for step in 0..<walks.steps {
            let i = UInt64(walk * walks.steps + step)
            let number = WalkRandomness.number(base, 2 * i)
            let pins = unsafe graph.pins(of: board(of: pin, number: number, hiding: hidden))
            pin = unsafe pins[WalkRandomness.pick(number.lowHalf, of: Int64(pins.count))]
            visits.append(pin)
            if WalkRandomness.number(base, 2 * i + 1) < threshold { pin = start }
        }
        return visits
    }

    /// A uniformly random visible board: drawn among all until one is visible, and at last among the visible ones.
    private func board(of pin: UInt32, number: UInt64, hiding hidden: HiddenBoards) -> UInt32 {
        let boards = unsafe Array(graph.boards(of: pin))
        for attempt in 0..<WalkRandomness.boardDraws {
            let draw = attempt == 0 ? number : WalkRandomness.number(number, UInt64(attempt))
            let board = boards[WalkRandomness.pick(draw.highHalf, of: Int64(boards.count))]
            if !hidden.hides(board) { return board }
        }
        let visible = boards.filter { !hidden.hides($0) }
        let draw = WalkRandomness.number(number, UInt64(WalkRandomness.boardDraws))
        return visible[WalkRandomness.pick(draw.highHalf, of: Int64(visible.count))]
    }

    /// The `top` most visited pins with their visits over all walks: most visits first, the smaller pin first among
    /// equals, never the pin itself.
    public func neighborhood(
        of pin: UInt32, window: UInt64, hiding hidden: HiddenBoards = .none
    ) -> [(pin: UInt32, visits: Int32)] {
        var counts: [UInt32: Int32] = [:]
        for walk in 0..<walks.count {
            for visited in visits(from: pin, walk: walk, window: window, hiding: hidden) where visited != pin {
                counts[visited, default: 0] += 1
            }
        }
        let ranked = counts.sorted { ($1.value, $0.key) < ($0.value, $1.key) }
        return ranked.prefix(walks.top).map { (pin: $0.key, visits: $0.value) }
    }
}
