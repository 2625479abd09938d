/// Which shards are finished: each is looked at once.
final class ShardLedger {
    private let note: (String) -> Void
    private var finished: Set<String> = []

    /// - Parameter note: told in one line of a damaged shard that will be made again.
    init(note: @escaping (String) -> Void) { self.note = note }

    /// Whether it was found or made by this process: then it need not be read again.
    func isKnown(_ shard: Shard) -> Bool { finished.contains(shard.path) }

    /// Remembers a shard that this process has made.
    func finished(_ shard: Shard) { finished.insert(shard.path) }

    func isFinished(_ shard: Shard) -> Bool {
        if isKnown(shard) { return true }
        switch shard.state() {
        case .finished: finished(shard)
        case .missing: return false
        case .foreign(let found):
            note("inference: \(shard.path): another run: expected \(shard.run), found \(found). It is made again.")
            return false
        case .damaged(let error):
            note("\(error) The shard is made again.")
            return false
        }
        return true
    }
}
