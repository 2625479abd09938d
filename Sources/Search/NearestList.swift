/// The best few of the candidates seen so far: a heap whose root is the worst one kept.
///
/// - Complexity: O(log k) for a candidate that is kept, O(1) for one that is not.
package struct NearestList {
    private let capacity: Int
    private var heap: [Neighbor] = []

    package init(capacity: Int) {
        self.capacity = capacity
        heap.reserveCapacity(capacity)
    }

    /// A candidate scoring below this is not kept.
    package var threshold: Float { heap.count < capacity ? -.infinity : heap.first?.score ?? .infinity }

    package mutating func offer(_ candidate: Neighbor) {
        if heap.count < capacity {
            heap.append(candidate)
            siftUp(from: heap.count - 1)
        } else if let worst = heap.first, candidate.precedes(worst) {
            heap[0] = candidate
            siftDown()
        }
    }

    /// What was kept, best first.
    package var sorted: [Neighbor] { heap.sorted { $0.precedes($1) } }

    private mutating func siftUp(from start: Int) {
        var child = start
        while child > 0 {
            let parent = (child - 1) / 2
            guard heap[parent].precedes(heap[child]) else { return }
            heap.swapAt(parent, child)
            child = parent
        }
    }

    private mutating func siftDown() {
        var parent = 0
        while true {
            var worst = parent
            for child in [2 * parent + 1, 2 * parent + 2] where child < heap.count && heap[worst].precedes(heap[child])
            {
                worst = child
            }
            if worst == parent { return }
            heap.swapAt(parent, worst)
            parent = worst
        }
    }
}
