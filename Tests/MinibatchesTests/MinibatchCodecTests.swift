import Artifacts
import Basics
import Minibatches
import Testing

@Suite struct MinibatchCodecTests {
    @Test("a batch comes back as it was sent, with and without features, with and without hard negatives")
    func roundTrip() throws {
        for seed in UInt64(1)...50 {
            for (features, hard) in [(true, 2), (false, 0), (true, 0)] {
                let batch = sampleBatch(seed: seed, features: features, hardNegativesPerPair: hard)
                let frames = MinibatchCodec.encode(batch, sampler: "sampler-3")
                let copies = frames.map { Frame(copying: $0.array) }
                let decoded = try MinibatchCodec.decode(copies, limits: sampleLimits(features: features))
                #expect(contents(decoded) == contents(batch), "seed \(seed)")
                #expect(try MinibatchCodec.header(of: copies).sampler == "sampler-3")
                #expect(try MinibatchCodec.header(of: copies).batchIndex == batch.batchIndex)
            }
        }
    }

    @Test("neither encoding nor decoding copies an array")
    func zeroCopy() throws {
        let batch = sampleBatch()
        let frames = MinibatchCodec.encode(batch, sampler: "s")
        #expect(frames[1].bytes.baseAddress == batch.pins.frame.bytes.baseAddress)
        let decoded = try MinibatchCodec.decode(frames, limits: sampleLimits())
        for array in MinibatchArray.allCases {
            let place = frames[array.rawValue + 1].bytes.baseAddress
            #expect(decoded.frame(of: array).bytes.baseAddress == place, "\(array.name)")
        }
    }

    @Test("a frame whose bytes are not aligned is copied, and read the same")
    func misaligned() throws {
        let batch = sampleBatch()
        let frames = MinibatchCodec.encode(batch, sampler: "s").map { frame in
            let wide = Frame(byteCount: frame.byteCount + 1)
            let shifted = UnsafeMutableRawBufferPointer(rebasing: wide.bytes[1...])
            shifted.copyMemory(from: UnsafeRawBufferPointer(frame.bytes))
            return Frame(adopting: shifted) { withExtendedLifetime(wide) {} }
        }
        #expect(contents(try MinibatchCodec.decode(frames, limits: sampleLimits())) == contents(batch))
    }

    @Test("the header's bytes lie where its documentation says")
    func headerBytes() throws {
        let batch = sampleBatch()
        let bytes = MinibatchCodec.encode(batch, sampler: "worker")[0].array
        func u32(_ at: Int) -> Int { (0..<4).reduce(0) { $0 | Int(bytes[at + $1]) << (8 * $1) } }
        func u64(_ at: Int) -> UInt64 { (0..<8).reduce(0) { $0 | UInt64(bytes[at + $1]) << (8 * $1) } }
        #expect(bytes[..<8].elementsEqual("PSBATCH\n".utf8))
        #expect([u32(8), u32(12)] == [4, 13])
        #expect(u64(16) == batch.batchIndex && u64(24) == batch.recipe)
        #expect([u32(40), u32(44), u32(48)] == [batch.pinCount, batch.pairCount, batch.sharedNegatives.count])
        #expect([u32(52), u32(56), u32(60)] == [batch.hardNegatives.count, batch.targetCount, batch.hiddenCount])
        #expect([u32(64), u32(68)] == batch.neighborhoods.map(\.neighbors.count))
        #expect([u32(72), u32(76)] == [3, 6])
        #expect(u64(80) == batch.table && u32(88) == batch.coSavedCount && u32(92) == 4)
        #expect(u64(96) == UInt64(batch.pinCount * 4))
        #expect(u64(104) == Checksum.xxh64(UnsafeRawBufferPointer(batch.pins.frame.bytes)))
        #expect(bytes[(96 + 16 * 13)...].dropLast(8).elementsEqual("worker".utf8))
        #expect(u64(bytes.count - 8) == bytes.dropLast(8).withUnsafeBytes { Checksum.xxh64($0) })
    }

    @Test("any bit flipped in the header is found")
    func headerFlips() {
        let frames = MinibatchCodec.encode(sampleBatch(), sampler: "sampler")
        for bit in 0..<frames[0].byteCount * 8 {
            var bytes = frames[0].array
            bytes[bit / 8] ^= 1 << (bit % 8)
            let error = errorOf { () throws(MinibatchError) in
                try MinibatchCodec.decode([Frame(copying: bytes)] + frames.dropFirst(), limits: sampleLimits())
            }
            #expect(error != nil, "bit \(bit)")
        }
    }

    @Test("a wrong value of each header field is found even when the header's checksum is right")
    func headerFields() {
        let frames = MinibatchCodec.encode(sampleBatch(), sampler: "sampler")
        let fields = [
            ("magic", 0, "magic"), ("version", 8, "wrong version"), ("array frames", 12, "header"),
            ("recipe", 24, "recipe"), ("byte count", 32, "byte count"), ("pins", 40, "pins"),
            ("pairs", 44, "queries"), ("shared negatives", 48, "shared negatives"),
            ("hard negatives", 52, "hard negatives"), ("targets", 56, "layer 2 offsets"),
            ("hidden rows", 60, "layer 1 offsets"), ("layer 1", 64, "layer 1 neighbors"),
            ("layer 2", 68, "layer 2 neighbors"), ("feature width", 72, "features"), ("name", 76, "header"),
            ("feature bytes", 92, "feature bytes"), ("frame length", 96, "pins"), ("frame checksum", 104, "pins"),
        ]
        for (name, at, subject) in fields {
            for change in [UInt8(1), 0xff] {
                var bytes = frames[0].array
                bytes[at] &+= change
                let error = errorOf { () throws(MinibatchError) in
                    try MinibatchCodec.decode([resealed(bytes)] + frames.dropFirst(), limits: sampleLimits())
                }
                let text = error.map { "\($0)" } ?? "no error"
                #expect(text.contains(subject), "\(name): \(text)")
            }
        }
    }

    @Test("counts of four billion in a header with a right checksum cost nothing and are refused")
    func hugeCounts() {
        let frames = MinibatchCodec.encode(sampleBatch(), sampler: "sampler")
        for at in stride(from: 40, through: 72, by: 4) {
            var bytes = frames[0].array
            for i in 0..<4 { bytes[at + i] = 0xff }
            let error = errorOf { () throws(MinibatchError) in
                try MinibatchCodec.decode([resealed(bytes)] + frames.dropFirst(), limits: sampleLimits())
            }
            #expect(error != nil, "field at \(at)")
        }
    }

    @Test("a frame a byte short or long, changed, missing or extra gives an error that names it")
    func frameFaults() {
        let frames = MinibatchCodec.encode(sampleBatch(), sampler: "sampler")
        func error(_ frames: [Frame]) -> MinibatchError? {
            errorOf { () throws(MinibatchError) in try MinibatchCodec.decode(frames, limits: sampleLimits()) }
        }
        for array in MinibatchArray.allCases {
            let bytes = frames[array.rawValue + 1].array
            func with(_ bytes: [UInt8]) -> [Frame] {
                var changed = frames
                changed[array.rawValue + 1] = Frame(copying: bytes)
                return changed
            }
            let length = bytes.count
            let short = MinibatchError.frameLength(array: array.name, expectedBytes: length, foundBytes: length - 1)
            let long = MinibatchError.frameLength(array: array.name, expectedBytes: length, foundBytes: length + 1)
            #expect(error(with(bytes.dropLast())) == short)
            #expect(error(with(bytes + [0])) == long)
            #expect(error(with([bytes[0] ^ 1] + bytes.dropFirst())) == .checksum(array: array.name))
            var missing = frames
            missing.remove(at: array.rawValue + 1)
            #expect(error(missing) == .frameCount(expected: 14, found: 13))
        }
        #expect(error(frames + [Frame(byteCount: 4)]) == .frameCount(expected: 14, found: 15))
        #expect(error([]) == .frameCount(expected: 13, found: 0))
        let header = frames[0].array
        for length in 0..<header.count {
            #expect(error([Frame(copying: header.prefix(length))] + frames.dropFirst()) != nil, "header of \(length)")
        }
        #expect(error([Frame(copying: header + [0])] + frames.dropFirst()) != nil)
    }

    @Test("a batch from another run, too large, or with the wrong features is refused")
    func foreign() {
        let frames = MinibatchCodec.encode(sampleBatch(), sampler: "sampler")
        func error(_ change: (inout MinibatchLimits) -> Void) -> MinibatchError? {
            var limits = sampleLimits()
            change(&limits)
            return errorOf { () throws(MinibatchError) in try MinibatchCodec.decode(frames, limits: limits) }
        }
        #expect(error { $0.recipe = 1 } == .foreignRecipe(expected: 1, found: sampleRecipe))
        let bytes = frames.reduce(0) { $0 + $1.byteCount }
        #expect(error { $0.byteCountMax = bytes } == nil)
        #expect(error { $0.byteCountMax = bytes - 1 } == .tooLarge(byteCountMax: bytes - 1, byteCount: bytes))
        #expect(error { $0.featureWidth = 0 } == .count(of: "feature width", expected: "0", found: 3))
        #expect(error { $0.featureWidth = 4 } == .count(of: "feature width", expected: "4", found: 3))
    }

    @Test("thousands of random changes to any frame give an error or the same batch, never a crash or another batch")
    func mutations() {
        let batch = sampleBatch(seed: 9)
        let expected = contents(batch)
        let frames = MinibatchCodec.encode(batch, sampler: "sampler")
        var random = CounterBasedGenerator(seed: 77, purpose: 100, 1, 0)
        var errors = 0
        for round in 0..<6000 {
            var changed = frames.map(\.array)
            for _ in 0..<Int.random(in: 1...3, using: &random) {
                let frame = Int.random(in: 0..<changed.count, using: &random)
                guard !changed[frame].isEmpty else { continue }
                let byte = Int.random(in: 0..<changed[frame].count, using: &random)
                switch Int.random(in: 0..<4, using: &random) {
                case 0: changed[frame].remove(at: byte)
                case 1: changed[frame].insert(UInt8.random(in: 0...255, using: &random), at: byte)
                default: changed[frame][byte] ^= 1 << UInt8.random(in: 0..<8, using: &random)
                }
            }
            // Half of the headers get a right checksum, so that the checks behind it are reached.
            var sent = changed.map { Frame(copying: $0) }
            if round.isMultiple(of: 2), changed[0].count > 8 { sent[0] = resealed(changed[0]) }
            do throws(MinibatchError) {
                let decoded = try MinibatchCodec.decode(sent, limits: sampleLimits())
                // A resealed header may well say another batch index or sampler: only the arrays are compared then.
                let skipped = round.isMultiple(of: 2) ? 1 : 0
                #expect(contents(decoded).dropFirst(skipped) == expected.dropFirst(skipped), "round \(round)")
            } catch {
                errors += 1
            }
        }
        #expect(errors > 4000)
    }
}

/// The header's bytes as a frame, their last eight replaced by the right checksum.
private func resealed(_ bytes: [UInt8]) -> Frame {
    let body = Array(bytes.dropLast(8))
    let checksum = body.withUnsafeBytes { Checksum.xxh64($0) }
    return Frame(copying: body + (0..<8).map { UInt8(truncatingIfNeeded: checksum >> (8 * $0)) })
}
