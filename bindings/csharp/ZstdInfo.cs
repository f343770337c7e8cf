namespace Fastpar;

/// <summary>What a frame of zstd data tells before it is decompressed.</summary>
public readonly struct ZstdInfo
{
    internal ZstdInfo(in fastpar_zstd_info info)
    {
        Size = info.size <= long.MaxValue ? (long)info.size : null;
        CompressedSize = (long)info.compressed_size;
        Window = (long)info.window;
        DictId = info.dict_id;
        HasChecksum = (info.flags & NativeMethods.FASTPAR_FRAME_CHECKSUM) != 0;
        IsSkippable = (info.flags & NativeMethods.FASTPAR_FRAME_SKIPPABLE) != 0;
    }

    /// <summary>Bytes of its content; null: not told. 0 for a skippable frame.</summary>
    public long? Size { get; }

    /// <summary>Bytes of the frame: the next frame begins so much further on.</summary>
    public long CompressedSize { get; }

    /// <summary>Bytes of the latest output that a decoder has to keep.</summary>
    public long Window { get; }

    /// <summary>The dictionary that decompressing needs; 0: none, or not told.</summary>
    public uint DictId { get; }

    /// <summary>Whether it ends with a checksum of its content.</summary>
    public bool HasChecksum { get; }

    /// <summary>Whether it holds data for other programs, without content.</summary>
    public bool IsSkippable { get; }
}
