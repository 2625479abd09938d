import Artifacts
import TestSupport
import Testing

@Suite struct SafetensorsFileTests {
    private let folder: TemporaryDirectory
    private var path: String { folder.file("m.safetensors") }

    init() throws { folder = try TemporaryDirectory() }

    private func write(_ metadata: [String: String] = ["step": "7", "quote": "a \"b\"\n\\ é"]) throws {
        let (first, second): ([Float], [Float]) = ([1, 2, 3, 4, 5, 6], [0.5])
        try first.withUnsafeBufferPointer { first in
            try second.withUnsafeBufferPointer { second in
                try SafetensorsFile.write(
                    path: path, tensors: [("w", [2, 3], first), ("a.bias", [1], second)], metadata: metadata)
            }
        }
    }

    /// A file around this JSON header, with `dataBytes` zeros; its checksum is never reached or never right.
    private func message(_ json: String, dataBytes: Int) throws -> String {
        let padded = json + String(repeating: " ", count: (8 - json.utf8.count % 8) % 8)
        let length = withUnsafeBytes(of: UInt64(padded.utf8.count).littleEndian, Array.init)
        try folder.write(length + Array(padded.utf8) + Array(repeating: 0, count: dataBytes), to: "m.safetensors")
        do {
            _ = try SafetensorsFile(path: path)
            return "no error"
        } catch {
            return "\(error)".replacing(path, with: "m")
        }
    }

    @Test("tensors and metadata come back, and the same input gives the same bytes")
    func roundTrip() throws {
        try write()
        let bytes = try folder.bytes("m.safetensors")
        let file = try SafetensorsFile(path: path)
        #expect(file.metadata == ["step": "7", "quote": "a \"b\"\n\\ é"])
        #expect(file.tensors.map(\.name) == ["w", "a.bias"])
        #expect(Array(try file.elements("w", shape: [2, 3])) == [1, 2, 3, 4, 5, 6])
        #expect(Array(try file.elements("a.bias", shape: [1])) == [0.5])
        #expect(bytes[0] % 8 == 0)
        try write()
        #expect(try folder.bytes("m.safetensors") == bytes)
    }

    @Test("every changed bit and every truncation is refused")
    func damage() throws {
        try write()
        let whole = try folder.bytes("m.safetensors")
        for index in whole.indices {
            for bit in [0, 4, 7] {
                var bytes = whole
                bytes[index] ^= 1 << bit
                try folder.write(bytes, to: "m.safetensors")
                #expect(throws: ArtifactError.self, "byte \(index), bit \(bit)") { try SafetensorsFile(path: path) }
            }
            try folder.write(whole.prefix(index), to: "m.safetensors")
            #expect(throws: ArtifactError.self, "\(index) bytes") { try SafetensorsFile(path: path) }
        }
        try folder.write(whole + [0], to: "m.safetensors")
        #expect(throws: ArtifactError.wrongLength(path: path, expectedBytes: whole.count, foundBytes: whole.count + 1))
        {
            try SafetensorsFile(path: path)
        }
    }

    @Test("each way a header can be wrong has its own line")
    func badHeaders() throws {
        func check(_ json: String, _ dataBytes: Int, _ expected: String) throws {
            let found = try message(json, dataBytes: dataBytes)
            #expect(found == "artifacts: m: bad safetensors header: expected \(expected). Write the file again.")
        }
        try check("[]", 0, "a JSON object of tensors, found something else")
        try check(
            #"{"w":{"dtype":"F16","shape":[2],"data_offsets":[0,4]}}"#, 4, "dtype F32 for tensor w, found F16")
        try check(
            #"{"w":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}}"#, 4,
            "data_offsets [0, 8] for tensor w, found [0, 4]")
        try check(
            #"{"w":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}"#, 8,
            "data_offsets [0, 4] for tensor w, found [4, 8]")
        try check(
            #"{"w":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}}"#, 4,
            "a possible shape for tensor w, found (-1,)")
        try check(
            #"{"w":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,4]}}"#, 4,
            "a possible shape for tensor w, found (4294967296, 4294967296)")
        try check(#"{"w":{"a":"b"}}"#, 0, "a tensor's dtype, shape and data_offsets, found 'w'")
        #expect(
            try message(#"{"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}"#, dataBytes: 4)
                == "artifacts: m: no checksum: expected metadata 'checksum' of 16 hexadecimal digits, found none. "
                + "Write the file again.")
    }

    @Test("a tensor of another name or shape is refused by name")
    func wrongTensor() throws {
        try write()
        let file = try SafetensorsFile(path: path)
        func message(_ name: String, _ shape: [Int]) -> String {
            do {
                _ = try file.elements(name, shape: shape)
                return "no error"
            } catch {
                return "\(error)".replacing(path, with: "m")
            }
        }
        #expect(
            message("w", [3, 2])
                == "artifacts: m: tensor w: expected shape (3, 2), found (2, 3). Use a file written for this model.")
        #expect(
            message("x", [1])
                == "artifacts: m: tensor x: expected shape (1,), found no such tensor. Use a file written for this model."
        )
    }

    @Test(
        "the layout is the published one, read by hand in NumPy",
        .enabled(if: Python.hasNumPy, "needs python3 with numpy"))
    func layout() throws {
        try write(["step": "7"])
        let program = """
            import json, struct, numpy as np
            raw = open('m.safetensors', 'rb').read()
            n, = struct.unpack('<Q', raw[:8]); assert n % 8 == 0
            head = json.loads(raw[8:8 + n])
            assert head['__metadata__']['step'] == '7'
            w = head['w']; assert w['dtype'] == 'F32' and w['shape'] == [2, 3]
            a, b = w['data_offsets']
            x = np.frombuffer(raw[8 + n + a:8 + n + b], '<f4').reshape(w['shape'])
            assert x.tolist() == [[1, 2, 3], [4, 5, 6]]
            """
        try Python.run(program, in: folder.path)
    }
}
