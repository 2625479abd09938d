import Configuration
import GraphStore

/// How many neighbourhoods were asked for, and how many of them had been walked before.
public struct NeighborhoodReuse: Equatable, Sendable {
    public var asked: UInt64 = 0
    public var found: UInt64 = 0

    public init() {}

    /// Found of those asked for; 0 before any.
    public var hitRate: Double { asked == 0 ? 0 : Double(found) / Double(asked) }
}

/// The neighbourhoods of batches. Within a window of `batch.refresh_batches` a pin has one neighbourhood, so what one
/// batch walked serves the next: up to `samplers.cache_mb` of it are kept. The lists are the same without.
@safe final class ReusedNeighborhoods {
    /// Pins that are looked up together.
    private static let blockPins = 4096
    /// Pins whose place in the cache is asked for ahead.
    private static let prefetchDistance = 16

    private let sampler: NeighborhoodSampler
    private let cache: NeighborhoodCache?
    private(set) var reuse = NeighborhoodReuse()

    // Of a block: the place of each pin in the cache, −1 where it must be walked; those pins; their lists.
    private let places = ScratchBuffer<Int32>()
    private let missing = ScratchBuffer<UInt32>()
    private let walked = NeighborhoodTable()

    init(graph: BipartiteGraph, settings: PipelineSettings) {
        sampler = NeighborhoodSampler(graph: graph, walks: settings.walks, seed: settings.seed)
        // Where each batch has a window of its own nothing could be found.
        let isUseful = settings.batch.refreshBatches > 1 && settings.samplers.cacheMB > 0 && settings.walks.top > 0
        cache =
            isUseful
            ? NeighborhoodCache(
                byteCountMax: settings.samplers.cacheMB << 20, top: settings.walks.top, pinCount: graph.pinCount) : nil
        places.reserve(Self.blockPins)
        missing.reserve(Self.blockPins)
    }

    var walkStepCount: UInt64 { sampler.walkStepCount }

    /// Appends the neighbourhood of each pin to the table, in order, as `NeighborhoodSampler.sample` does.
    func sample(
        pins: UnsafeBufferPointer<UInt32>, window: UInt64, hiding hidden: HiddenBoards, into table: NeighborhoodTable
    ) {
        reuse.asked += UInt64(pins.count)
        guard let cache else { return unsafe sampler.sample(pins: pins, window: window, hiding: hidden, into: table) }
        cache.begin(window: window, hiding: hidden)
        table.reserve(lists: pins.count, entries: pins.count * sampler.walks.top)
        for start in stride(from: 0, to: pins.count, by: Self.blockPins) {
            let block = unsafe UnsafeBufferPointer(
                rebasing: pins[start..<min(start + Self.blockPins, pins.count)])
            let missingCount = unsafe lookUp(block, cache)
            reuse.found += UInt64(block.count - missingCount)
            walked.removeAll()
            unsafe sampler.sample(
                pins: UnsafeBufferPointer(start: missing.base, count: missingCount), window: window, hiding: hidden,
                into: walked)
            append(blockCount: block.count, cache, to: table)
            keep(missingCount, cache)
        }
    }

    /// - Returns: how many pins must be walked.
    private func lookUp(_ pins: UnsafeBufferPointer<UInt32>, _ cache: NeighborhoodCache) -> Int {
        var missingCount = 0
        for i in 0..<pins.count {
            unsafe cache.prefetch(pins[min(i + Self.prefetchDistance, pins.count - 1)])
            let pin = unsafe pins[i]
            if let place = cache.find(pin) {
                unsafe places.base[i] = Int32(place)
            } else {
                unsafe places.base[i] = -1
                unsafe missing.base[missingCount] = pin
                missingCount += 1
            }
        }
        return missingCount
    }

    private func append(blockCount: Int, _ cache: NeighborhoodCache, to table: NeighborhoodTable) {
        var list = 0
        for i in 0..<blockCount {
            let place = unsafe Int(places.base[i])
            if place >= 0 {
                table.appendList(count: unsafe cache.copy(place, pins: table.nextPins, visits: table.nextVisits))
                continue
            }
            let entries = walked.entries(of: list)
            unsafe table.nextPins.update(from: walked.pins + entries.lowerBound, count: entries.count)
            unsafe table.nextVisits.update(from: walked.visits + entries.lowerBound, count: entries.count)
            table.appendList(count: entries.count)
            list += 1
        }
    }

    /// Puts what was walked into the cache; only now, since what was found must stay until it is copied.
    private func keep(_ count: Int, _ cache: NeighborhoodCache) {
        for list in 0..<count {
            let entries = walked.entries(of: list)
            unsafe cache.insert(
                missing.base[list], pins: walked.pins + entries.lowerBound,
                visits: walked.visits + entries.lowerBound, count: entries.count)
        }
    }
}
